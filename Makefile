# nginx-gemini.  "make help" lists what there is; everything that is built
# lands in build/.

SHELL = /bin/bash

# What the scripts read.  Given on the command line or in the environment.
# NGINX itself must not reach an nginx: there it means inherited sockets.
unexport NGINX
export NGINX_BINARY ?= $(NGINX)
export NGINX_SRC NGINX_CC_OPT NGINX_LD_OPT DESTDIR
export GEMINI_API_KEYS CLIENT_TOKEN PORT REDIS_URL FUZZ_SECONDS

# make's own default is no wish: then nginx's configure chooses.
ifneq ($(origin CC),default)
export CC
endif

ifeq (,$(findstring -j,$(shell echo "$$MAKEFLAGS")))
MAKEFLAGS += -j$(or $(JOBS),$(shell nproc))
endif

CXXFLAGS ?= -O2 -g
WARNINGS = -W -Wall -Wextra -Wpointer-arith -Wno-unused-parameter -Werror
LIBRARIES = -lyajl -lcrypto

ifneq (,$(findstring clang,$(CXX)))
WARNINGS += -Wconditional-uninitialized
endif

# SANITIZE=address,undefined gives a second set of objects and binaries, and
# "fuzzer" in it makes libFuzzer drive the fuzzers instead of replay_main.
ifneq (,$(SANITIZE))
comma = ,
sanitize_flags = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
    -fno-omit-frame-pointer
variant = $(notdir $(CXX))-$(subst $(comma),-,$(SANITIZE))
ifeq (,$(findstring clang,$(CXX)))
# gcc bug 71962: with these, a function's address is no constant
sanitize_flags += \
    -fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute
endif
else
variant = $(notdir $(CXX))
endif

OBJECTS = build/obj/$(variant)

COMPILE = $(CXX) -std=c++17 $(CXXFLAGS) $(sanitize_flags) $(WARNINGS) \
    -fvisibility=hidden -I src -MMD -MP

core_objects = $(patsubst %.cpp,$(OBJECTS)/%.o,$(sort \
    $(wildcard src/core/*/*.cpp)))
unit_objects = $(patsubst %.cpp,$(OBJECTS)/%.o,$(sort \
    $(wildcard t/unit/*.cpp)))
fuzz_names = $(patsubst t/fuzz/%.cpp,%,$(sort $(wildcard t/fuzz/*_fuzz.cpp)))
fuzz_objects = $(fuzz_names:%=$(OBJECTS)/t/fuzz/%.o)
core_archive = $(OBJECTS)/core.a
unit_binary = $(OBJECTS)/unit
fuzz_binaries = $(fuzz_names:%=$(OBJECTS)/%)

ifneq (,$(findstring fuzzer,$(SANITIZE)))
fuzz_main =
else
fuzz_main = $(OBJECTS)/t/fuzz/replay_main.o
endif

.PHONY: module
module: ## build the module, build/ngx_http_gemini_module.so
	+@scripts/build-module

.PHONY: run
run: ## nginx with the module on 127.0.0.1:8080, in the foreground
	+@scripts/run

.PHONY: test
test: ## every test: unit, fuzz corpus, integration, real clients
	+@scripts/test

.PHONY: unit
unit: $(unit_binary) ## the core's unit tests
	$(unit_binary)

.PHONY: unit-build
unit-build: $(unit_binary)

.PHONY: fuzz-build
fuzz-build: $(fuzz_binaries)

.PHONY: fuzz
fuzz: ## each fuzzer for a minute (FUZZ_SECONDS=)
	+@scripts/fuzz

.PHONY: asan
asan: ## all but the clients under AddressSanitizer and UBSan
	+@scripts/asan

.PHONY: bench
bench: ## what the module costs against nginx's own proxy_pass
	+@scripts/bench

.PHONY: bench-profile
bench-profile: ## its instructions, counted; profiles in build/bench/profile
	+@scripts/bench --profile

.PHONY: install
install: module ## copy the module into nginx's modules path (DESTDIR=)
	@scripts/install

.PHONY: deps
deps: ## install what building and testing needs (apt, as root)
	@scripts/install-deps build
	@scripts/install-deps test

.PHONY: clean
clean: ## remove build/
	rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | \
	    expand -t 22
	@echo
	@echo '  NGINX=PATH       another nginx binary than the one on PATH'
	@echo '  NGINX_SRC=DIR    build for an nginx source tree'
	@echo '  CC= CXX= SANITIZE= JOBS=   compilers and how they run'

# These two files change when what they hold does: other flags compile again,
# and a source that was removed is linked no more.
$(OBJECTS)/flags: force
	@$(call write_changed,$(COMPILE))

$(OBJECTS)/objects: force
	@$(call write_changed,$(core_objects) $(unit_objects))

.PHONY: force
force:

write_changed = mkdir -p $(@D); \
    [[ -f $@ && $$(< $@) == '$(strip $(1))' ]] || echo '$(strip $(1))' > $@

$(core_archive): $(core_objects) $(OBJECTS)/objects
	@echo '  AR   $@'
	@rm -f $@
	@ar rcs $@ $(core_objects)

$(unit_binary): $(unit_objects) $(core_archive)
	@echo '  LINK $@'
	@$(CXX) $(sanitize_flags) -o $@ $^ -lgtest_main -lgtest -lpthread \
	    $(LIBRARIES)

$(fuzz_binaries): $(OBJECTS)/%: $(OBJECTS)/t/fuzz/%.o $(fuzz_main) \
                  $(core_archive)
	@echo '  LINK $@'
	@$(CXX) $(sanitize_flags) -o $@ $^ $(LIBRARIES)

$(OBJECTS)/%.o: %.cpp $(OBJECTS)/flags
	@mkdir -p $(@D)
	@echo '  CXX  $<'
	@$(COMPILE) -c -o $@ $<

-include $(core_objects:.o=.d) $(unit_objects:.o=.d) $(fuzz_objects:.o=.d)

# The module's classes of errors for scripts/check-keys.
.PHONY: check-keys-tool
check-keys-tool: build/error_class ## what scripts/check-keys asks

# What scripts/bench measures with.
.PHONY: bench-tools
bench-tools: build/choose_bench build/stream_mock build/stream_load

build/choose_bench: $(OBJECTS)/t/bench/choose_bench.o $(core_archive)
build/stream_mock: $(OBJECTS)/t/bench/stream_mock.o
build/stream_load: $(OBJECTS)/t/bench/stream_load.o

build/choose_bench build/stream_mock build/stream_load:
	@echo '  LINK $@'
	@$(CXX) $(sanitize_flags) -o $@ $^ $(LIBRARIES)

-include $(patsubst %,$(OBJECTS)/t/bench/%.d, \
    choose_bench stream_mock stream_load)

build/error_class: $(OBJECTS)/src/tools/error_class.o $(core_archive)
	@echo '  LINK $@'
	@$(CXX) $(sanitize_flags) -o $@ $^ $(LIBRARIES)

-include $(OBJECTS)/src/tools/error_class.d
