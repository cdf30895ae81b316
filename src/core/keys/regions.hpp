// Where the parts of a pool's shared memory lie, in the order they lie in.
#pragma once

#include "core/keys/record.hpp"
#include "core/keys/window.hpp"

namespace gw::keys {

struct Regions {
    Header *header = nullptr;
    KeyRecord *keys = nullptr;
    Cell *cells = nullptr;
    ModelName *models = nullptr;
    LimitRecord *limits = nullptr;
};

/// Of memory whose header is filled in.
Regions regions_of(void *memory);

}
