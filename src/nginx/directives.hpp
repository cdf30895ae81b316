// The one table of directives.
#pragma once

#include "nginx/ngx.hpp"

namespace gw::ngx {

extern ngx_command_t directives[];

}
