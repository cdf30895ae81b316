#include "core/gemini/vertex_path.hpp"

namespace gw::gemini {

std::string vertex_url(std::string_view location)
{
    std::string url = "https://";

    if (location == "global") {
        url += "aiplatform.googleapis.com";

    } else if (location == "us" || location == "eu") {
        url += "aiplatform.";
        url += location;
        url += ".rep.googleapis.com";

    } else {
        url += location;
        url += "-aiplatform.googleapis.com";
    }

    return url;
}

void write_vertex_model(std::string_view version, const Place &place,
    std::string_view model, Output &out)
{
    out.append('/');
    out.append(version);
    out.append("/projects/");
    out.append(place.project);
    out.append("/locations/");
    out.append(place.location);
    out.append("/publishers/google/models/");
    out.append(model);
}

}
