#include "core/gemini/vertex_path.hpp"

#include <cstddef>

namespace gw::gemini {

namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

}

bool valid_location(std::string_view location)
{
    constexpr std::size_t longest = 63;

    if (location.empty() || location.size() > longest
        || location.front() == '-' || location.back() == '-')
    {
        return false;
    }

    for (char c : location) {
        if (!is_lower(c) && !is_digit(c) && c != '-') {
            return false;
        }
    }

    return true;
}

bool valid_cloud_project(std::string_view project)
{
    constexpr std::size_t longest = 128;

    if (project.empty() || project.size() > longest
        || !(is_lower(project.front()) || is_digit(project.front()))
        || project.find("..") != std::string_view::npos)
    {
        return false;
    }

    for (char c : project) {
        if (!is_lower(c) && !is_digit(c) && c != '-' && c != '.' && c != ':')
        {
            return false;
        }
    }

    return true;
}

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
