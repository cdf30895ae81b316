// The core's Output over nginx's buf chains.
#pragma once

#include "core/base/output.hpp"
#include "nginx/ngx.hpp"

namespace gw::ngx {

/// Writes into bufs of a pool. Every buf has `start` at its data, because
/// upstream's reinit sets pos = start. Throws std::bad_alloc.
class ChainOutput final : public Output {
public:
    /// expected: bytes the whole will take, for the first buf; a guess.
    ChainOutput(ngx_pool_t *pool, std::size_t expected)
        : pool_(pool), next_size_(expected < 512 ? 512 : expected)
    {
    }

    /// What was written; nothing may be written after it. nullptr: nothing.
    ngx_chain_t *finish();

    /// Bytes in all of the chain; after finish().
    off_t size() const { return size_; }

private:
    void grow(std::size_t least) override;
    bool refer(std::string_view text) override;
    void close_buf();
    void link(ngx_buf_t *b);

    ngx_pool_t *pool_;
    std::size_t next_size_;
    char *opened_ = nullptr;
    ngx_chain_t *first_ = nullptr;
    ngx_chain_t **last_ = &first_;
    off_t size_ = 0;
};

/// Writes into bufs that go to the client and come back: memory of a stream
/// stays flat. Bufs are taken from and returned to the upstream's free list.
class StreamOutput final : public Output {
public:
    static constexpr std::size_t buf_size = 4096;

    /// free: u->free_bufs. tag: u->output.tag, by which they come back.
    StreamOutput(ngx_pool_t *pool, ngx_chain_t **free, ngx_buf_tag_t tag)
        : pool_(pool), free_(free), tag_(tag)
    {
    }

    /// Moves what was written to the end of the chain; the last buf asks for
    /// a flush. May be written to again afterwards.
    void take(ngx_chain_t **out);

    /// Forgets what was written and not taken.
    void discard();

private:
    void grow(std::size_t least) override;
    void close_buf();

    ngx_pool_t *pool_;
    ngx_chain_t **free_;
    ngx_buf_tag_t tag_;
    ngx_chain_t *first_ = nullptr;
    ngx_chain_t *current_ = nullptr;
    ngx_chain_t **last_ = &first_;
};

}
