#include "nginx/chain_output.hpp"

#include <new>

namespace gw::ngx {

namespace {

// Blocks beyond this gain nothing and fragment the heap.
constexpr std::size_t max_block = 256 * 1024;

u_char *bytes(char *p)
{
    return reinterpret_cast<u_char *>(p);
}

}

void ChainOutput::link(ngx_buf_t *b)
{
    ngx_chain_t *cl = ngx_alloc_chain_link(pool_);

    if (cl == nullptr) {
        throw std::bad_alloc();
    }

    cl->buf = b;
    cl->next = nullptr;
    *last_ = cl;
    last_ = &cl->next;
    size_ += b->last - b->pos;
}

void ChainOutput::close_buf()
{
    if (opened_ == nullptr || opened_ == position_) {
        return;
    }

    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(pool_));

    if (b == nullptr) {
        throw std::bad_alloc();
    }

    b->start = b->pos = bytes(opened_);
    b->end = b->last = bytes(position_);
    b->temporary = 1;
    link(b);

    opened_ = position_;
}

void ChainOutput::grow(std::size_t least)
{
    close_buf();

    std::size_t size = next_size_ > least ? next_size_ : least;

    if (size > max_block) {
        size = max_block;
    }

    next_size_ = size * 2;
    opened_ = static_cast<char *>(ngx_palloc(pool_, size));

    if (opened_ == nullptr) {
        throw std::bad_alloc();
    }

    position_ = opened_;
    end_ = opened_ + size;
}

bool ChainOutput::refer(std::string_view text)
{
    close_buf();

    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(pool_));

    if (b == nullptr) {
        throw std::bad_alloc();
    }

    b->start = b->pos = bytes(const_cast<char *>(text.data()));
    b->end = b->last = b->pos + text.size();
    b->memory = 1;
    link(b);

    return true;
}

ngx_chain_t *ChainOutput::finish()
{
    close_buf();
    return first_;
}

void StreamOutput::close_buf()
{
    if (current_ != nullptr) {
        current_->buf->last = bytes(position_);
    }
}

void StreamOutput::grow(std::size_t)
{
    close_buf();

    ngx_chain_t *cl = ngx_chain_get_free_buf(pool_, free_);

    if (cl == nullptr) {
        throw std::bad_alloc();
    }

    ngx_buf_t *b = cl->buf;
    u_char *start = b->start;

    if (start == nullptr) {
        start = static_cast<u_char *>(ngx_palloc(pool_, buf_size));

        if (start == nullptr) {
            throw std::bad_alloc();
        }
    }

    *b = {};
    b->start = b->pos = b->last = start;
    b->end = start + buf_size;
    b->temporary = 1;
    b->tag = tag_;

    cl->next = nullptr;
    *last_ = cl;
    last_ = &cl->next;
    current_ = cl;

    position_ = reinterpret_cast<char *>(b->start);
    end_ = reinterpret_cast<char *>(b->end);
}

void StreamOutput::take(ngx_chain_t **out)
{
    close_buf();

    if (first_ == nullptr) {
        return;
    }

    current_->buf->flush = 1;

    while (*out != nullptr) {
        out = &(*out)->next;
    }

    *out = first_;
    first_ = nullptr;
    current_ = nullptr;
    last_ = &first_;
    position_ = end_ = nullptr;
}

void StreamOutput::discard()
{
    while (first_ != nullptr) {
        ngx_chain_t *cl = first_;
        first_ = cl->next;

        cl->buf->pos = cl->buf->last = cl->buf->start;
        cl->next = *free_;
        *free_ = cl;
    }

    current_ = nullptr;
    last_ = &first_;
    position_ = end_ = nullptr;
}

}
