// Where the parts of a pool's shared memory lie, in the order they lie in.
#pragma once

#include "core/keys/added.hpp"
#include "core/keys/journal.hpp"
#include "core/keys/metrics.hpp"
#include "core/keys/record.hpp"
#include "core/keys/resources.hpp"
#include "core/keys/tokens.hpp"
#include "core/keys/trail.hpp"
#include "core/keys/use.hpp"
#include "core/keys/window.hpp"

namespace gw::keys {

struct Regions {
    Header *header = nullptr;
    KeyRecord *keys = nullptr;
    Cell *cells = nullptr;
    ModelName *models = nullptr;
    LimitRecord *limits = nullptr;
    UseRecord *uses = nullptr;
    Word *dirty_uses = nullptr;
    AddedRecord *added = nullptr;
    ResourceRecord *resources = nullptr;
    JournalEntry *journal = nullptr;
    TrailRecord *trails = nullptr;
    SeriesRecord *series = nullptr;
    Histograms *histograms = nullptr;
    TokenRecord *tokens = nullptr;
};

/// Of memory whose header is filled in.
Regions regions_of(void *memory);

}
