#include "core/front/chat.hpp"

#include "core/base/text.hpp"
#include "core/gemini/path.hpp"
#include "core/gemini/resource_names.hpp"
#include "core/openai/error.hpp"
#include "core/translate/reply.hpp"
#include "core/translate/speech.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gw::front {

namespace {

/// A URI no longer than that is looked at: others hold what they are about.
constexpr std::size_t longest_uri = 4096;

void add_name(std::string_view name, std::vector<std::string> &names)
{
    if (!name.empty() && names.size() < gemini::max_names
        && std::find(names.begin(), names.end(), name) == names.end())
    {
        names.emplace_back(name);
    }
}

/// The cache and the files that a request uses.
std::vector<std::string> names_kept(const openai::ChatRequest &request,
    Arena &arena)
{
    std::vector<std::string> names;

    add_name(gemini::cache_name_in(
        trim(request.google.cached_content.decode(arena))), names);

    for (const openai::Message &message : request.messages) {
        for (const openai::ContentPart &part : message.parts) {
            for (const json::String *uri : { &part.file_id, &part.file_url,
                     &part.image_url, &part.video_url })
            {
                if (!uri->empty() && uri->raw.size() <= longest_uri) {
                    add_name(gemini::file_name_in(trim(uri->decode(arena))),
                        names);
                }
            }
        }
    }

    return names;
}

}

Chat::Chat(const Setting &setting, std::pmr::memory_resource *memory,
    std::string_view id_prefix)
    : setting_(setting), memory_(memory), arena_(memory),
      signatures_(setting.signatures, memory)
{
    std::size_t size = id_prefix.size() + setting.request_id.size();
    char *id = arena_.allocate_text(size);
    std::memcpy(id, id_prefix.data(), id_prefix.size());
    std::memcpy(id + id_prefix.size(), setting.request_id.data(),
        setting.request_id.size());
    id_ = {id, size};
}

Result<void> Chat::read(std::string_view body)
{
    openai::ChatRequest request;
    auto parsed = openai::parse(body, arena_, request);

    if (parsed) {
        take(request);
    }

    return parsed;
}

void Chat::take(const openai::ChatRequest &request)
{
    request_ = request;
    names_ = translate::NameMap(request_, arena_);
    model_ = request_.model.decode(arena_);
    streams_ = request_.stream.value_or(false);
    kept_ = names_kept(request_, arena_);
}

Result<void> Chat::write_body(std::string_view model, gemini::Api api,
    Output &out)
{
    translate::RequestOptions options;
    options.model = model;
    options.api = api;
    options.safety = setting_.safety;
    options.safety_count = setting_.safety_count;
    options.signatures = &signatures_;
    options.distrust_signatures = distrusts_;

    gemini::GenerateRequest request;
    auto translated = translate::to_generate_request(request_, options,
        arena_, request);

    if (!translated) {
        return translated;
    }

    gemini::write(request, out);
    tokens_ = gemini::estimate_tokens(request);

    return {};
}

std::vector<std::string_view> Chat::resources() const
{
    return {kept_.begin(), kept_.end()};
}

bool Chat::keeps_model() const
{
    // A cache is of one model.
    return !request_.google.cached_content.empty();
}

gemini::Apis Chat::apis() const
{
    // Only Gemini's own API has files and caches of these names.
    return kept_.empty() ? gemini::every_api
                         : gemini::only(gemini::Api::gemini);
}

bool Chat::distrust_signatures()
{
    return !std::exchange(distrusts_, true);
}

void Chat::write_path(std::string_view model,
    const gemini::Place &place, Output &out) const
{
    gemini::write_generate_path(model, place, streams_, out);
}

std::string_view Chat::KeptSignatures::find(std::string_view call_id)
{
    if (store_ == nullptr || !store_->find(call_id, found_)) {
        return {};
    }

    return found_;
}

void Chat::KeptSignatures::keep(std::string_view call_id,
    const json::String &signature)
{
    if (store_ != nullptr) {
        // Google writes the padding of base64 as \u003d.
        Arena scratch(memory_);
        store_->keep(call_id, signature.decode(scratch));
    }
}

translate::ReplyOptions Chat::reply_options()
{
    translate::ReplyOptions options;
    options.head.id = id_;
    options.head.created = setting_.now_sec;
    // The name of a model needs no escapes.
    options.head.model = served_.empty() ? request_.model.raw : served_;
    options.id_seed = setting_.request_id;
    options.names = &names_;
    options.signatures = &signatures_;
    options.audio = translate::audio_format(request_, arena_);

    if (request_.tools.empty() && !request_.functions.empty()) {
        options.calls = translate::Calls::legacy;

    } else if (!request_.parallel_tool_calls.value_or(true)) {
        options.calls = translate::Calls::single;
    }
    options.thoughts = setting_.thoughts;
    options.include_usage =
        request_.stream_options.include_usage.value_or(false);
    options.logprobs = request_.logprobs.value_or(false);

    return options;
}

Whole Chat::whole(std::string_view body, bool last_try, Output &out)
{
    Arena scratch(memory_);
    auto reply = translate::to_chat_completion(body, reply_options(),
        last_try, scratch, out);

    if (!reply) {
        reply_ = {};
        reply_.error = reply.error();
        return Whole::failed;
    }

    reply_ = std::move(reply.value());

    switch (reply_.state) {

    case translate::ReplyState::complete:
        return Whole::written;

    case translate::ReplyState::empty:
        return Whole::empty;

    case translate::ReplyState::failed:
        break;
    }

    return Whole::failed;
}

translate::StreamState Chat::feed(std::string_view bytes, Output &out)
{
    if (!stream_) {
        stream_.emplace(reply_options(), setting_.max_event, memory_);
    }

    return stream_->feed(bytes, out);
}

translate::StreamState Chat::finish(translate::StreamEnd end, Output &out)
{
    if (!stream_) {
        stream_.emplace(reply_options(), setting_.max_event, memory_);
    }

    return stream_->finish(end, out);
}

bool Chat::accept_empty(Output &out)
{
    return stream_ && stream_->accept_empty(out);
}

void Chat::write_error_event(const Error &error, Output &out) const
{
    openai::write_error_event(error, out);
}

void Chat::start_over()
{
    stream_.reset();
    reply_ = {};
}

bool Chat::empty() const
{
    return stream_ ? stream_->empty()
                   : reply_.state == translate::ReplyState::empty;
}

const gemini::UpstreamError *Chat::upstream_error() const
{
    if (stream_) {
        return stream_->upstream_error();
    }

    return reply_.state == translate::ReplyState::failed
        ? &reply_.upstream_error : nullptr;
}

const Error &Chat::error() const
{
    return stream_ ? stream_->error() : reply_.error;
}

const translate::Outcome &Chat::outcome() const
{
    return stream_ ? stream_->outcome() : reply_.outcome;
}

}
