#include "core/front/native_list.hpp"
#include "core/front/native_resource.hpp"

#include <gtest/gtest.h>

#include <map>

namespace {

using namespace gw;
using front::Learned;
using front::NativeList;
using front::NativeResource;
using front::Whole;

gemini::NativeRoute route(const char *method, const char *uri)
{
    auto found = gemini::native_route(method, uri, "/");
    EXPECT_TRUE(found) << uri;

    return found.value();
}

NativeResource make(const char *method, const char *uri,
    const char *query = "",
    gemini::UploadStep step = gemini::UploadStep::start)
{
    return {route(method, uri), query, step,
            std::pmr::new_delete_resource()};
}

std::string whole(front::Front &front, std::string_view body)
{
    StringOutput out;
    EXPECT_EQ(front.whole(body, false, out), Whole::written) << body;

    return out.take();
}

TEST(FrontNativeResource, PassesBytesAndLearnsWhatTheyShow)
{
    NativeResource front = make("POST", "/v1beta/cachedContents");
    std::string body = R"({ "model":"models/m", "ttl" : "1s"})";
    std::string answer = R"({"name": "cachedContents/c",
        "expireTime":"2026-01-15T20:00:00Z"})";
    StringOutput out;

    ASSERT_TRUE(front.read(body));
    EXPECT_TRUE(front.creates());
    EXPECT_EQ(front.requested_model(), "models/m");
    ASSERT_TRUE(front.write_body("m", gemini::Api::gemini, out));
    EXPECT_EQ(out.view(), body);
    EXPECT_EQ(whole(front, answer), answer);

    auto learned = front.learned();
    ASSERT_EQ(learned.size(), 1u);
    EXPECT_EQ(learned[0].name, "cachedContents/c");
    EXPECT_EQ(learned[0].how, Learned::How::made);
    EXPECT_EQ(learned[0].expires_ms, 1768507200000);
}

TEST(FrontNativeResource, PutsAnAliasIntoANewCache)
{
    NativeResource front = make("POST", "/v1beta/cachedContents");
    StringOutput out;

    ASSERT_TRUE(front.read(R"({"model":"models/mine","ttl":"1s"})"));
    ASSERT_TRUE(front.write_body("gemini-2.5-flash", gemini::Api::gemini,
        out));
    EXPECT_EQ(out.view(),
        R"({"model":"models/gemini-2.5-flash","ttl":"1s"})");
}

TEST(FrontNativeResource, ForgetsWhatIsDeleted)
{
    NativeResource front = make("DELETE", "/v1beta/files/a");

    ASSERT_TRUE(front.read({}));
    EXPECT_FALSE(front.creates());
    ASSERT_EQ(front.resources().size(), 1u);
    EXPECT_EQ(front.resources()[0], "files/a");
    EXPECT_EQ(whole(front, "{}\n"), "{}\n");
    ASSERT_EQ(front.learned().size(), 1u);
    EXPECT_EQ(front.learned()[0].how, Learned::How::gone);
}

TEST(FrontNativeResource, FollowsAnUpload)
{
    NativeResource start = make("POST", "/upload/v1beta/files");

    EXPECT_TRUE(start.reads_body());
    ASSERT_TRUE(start.read(R"({"file":{"display_name":"a"}})"));
    EXPECT_TRUE(start.resources().empty());
    EXPECT_EQ(start.head_field("X-Goog-Upload-URL",
        "https://g/upload/v1beta/files?upload_id=u", "http://h/u"),
        "http://h/u?upload_id=u");
    EXPECT_EQ(start.head_field("x-goog-upload-status", "active", ""),
        "active");
    EXPECT_EQ(start.head_field("Set-Cookie", "a=b", ""), "");
    EXPECT_EQ(whole(start, ""), "");
    ASSERT_EQ(start.learned().size(), 1u);
    EXPECT_EQ(start.learned()[0].name, "upload/u");
    EXPECT_EQ(start.learned()[0].how, Learned::How::made);

    NativeResource data = make("PUT", "/upload/v1beta/files", "upload_id=u",
        gemini::UploadStep::data);

    EXPECT_FALSE(data.reads_body());
    EXPECT_FALSE(data.creates());
    ASSERT_EQ(data.resources().size(), 1u);
    EXPECT_EQ(data.resources()[0], "upload/u");
    (void) whole(data, R"({"file":{"name":"files/f"}})");
    ASSERT_EQ(data.learned().size(), 2u);
    EXPECT_EQ(data.learned()[0].name, "files/f");
    EXPECT_EQ(data.learned()[0].how, Learned::How::made);
    EXPECT_EQ(data.status_for(308), 308);
    EXPECT_EQ(data.status_for(404), 0);
}

TEST(FrontNativeResource, PassesADownloadInPieces)
{
    NativeResource front = make("GET", "/v1beta/files/a:download",
        "alt=media");
    StringOutput out;

    EXPECT_TRUE(front.streams());
    EXPECT_TRUE(front.passes_file());
    EXPECT_EQ(front.feed("{\"no\": \"js", out),
        translate::StreamState::started);
    EXPECT_EQ(front.feed("on", out), translate::StreamState::started);
    EXPECT_EQ(front.finish(translate::StreamEnd::complete, out),
        translate::StreamState::started);
    EXPECT_EQ(out.view(), "{\"no\": \"json");
    EXPECT_EQ(front.finish(translate::StreamEnd::cut, out),
        translate::StreamState::failed);
    EXPECT_EQ(front.error().kind, ErrorKind::truncated);
}

TEST(FrontNativeResource, TakesNoPageForAnAnswer)
{
    NativeResource front = make("GET", "/v1beta/files/a");
    StringOutput out;

    EXPECT_EQ(front.whole("<html>", false, out), Whole::failed);
    EXPECT_EQ(front.error().kind, ErrorKind::upstream_failed);
}

TEST(FrontNativeResource, NamesWhatABatchAndAPredictionUse)
{
    NativeResource batch = make("POST", "/v1beta/models/m:batchGenerateContent");
    ASSERT_TRUE(batch.read(
        R"({"batch":{"inputConfig":{"fileName":"files/in"}}})"));
    EXPECT_EQ(batch.requested_model(), "m");
    EXPECT_TRUE(batch.creates());
    ASSERT_EQ(batch.resources().size(), 1u);
    EXPECT_EQ(batch.resources()[0], "files/in");
}

/// Shows what it is told to, and keeps what it was asked.
struct Some final : front::Holdings {
    bool shows(std::string_view name, std::uint64_t project,
        std::int64_t) override
    {
        auto found = owner.find(std::string(name));

        return found != owner.end() && found->second == project;
    }

    std::map<std::string, std::uint64_t> owner;
};

struct List {
    explicit List(const char *query = "", std::vector<std::uint64_t> projects
        = {0x11, 0x22})
        : front(route("GET", "/v1beta/files"), query, std::move(projects),
              some, std::pmr::new_delete_resource())
    {
        read = static_cast<bool>(front.read({}));
    }

    std::string path()
    {
        StringOutput out;
        front.write_path({}, {}, out);
        return out.take();
    }

    Whole page(std::string_view body)
    {
        StringOutput out;
        Whole said = front.whole(body, false, out);
        text = out.take();
        return said;
    }

    Some some;
    NativeList front;
    bool read = false;
    std::string text;
};

TEST(FrontNativeList, AsksEachProjectAndShowsWhatIsTheClients)
{
    List list("pageSize=10");
    list.some.owner = {{"files/a", 0x11}, {"files/c", 0x22}};

    ASSERT_TRUE(list.read);
    EXPECT_EQ(list.front.project(), 0x11u);
    EXPECT_EQ(list.path(), "/v1beta/files?pageSize=10");
    EXPECT_EQ(list.page(R"({"files":[{"name":"files/a"},{"name":"files/b"}],
        "nextPageToken":"t="})"), Whole::more);
    EXPECT_EQ(list.front.project(), 0x11u);
    EXPECT_EQ(list.path(), "/v1beta/files?pageSize=9&pageToken=t%3D");
    EXPECT_EQ(list.page("{}"), Whole::more);
    EXPECT_EQ(list.front.project(), 0x22u);
    EXPECT_EQ(list.path(), "/v1beta/files?pageSize=9");
    EXPECT_EQ(list.page(R"({"files":[{"name": "files/c"}]})"),
        Whole::written);
    EXPECT_EQ(list.text,
        "{\"files\":[{\"name\":\"files/a\"},{\"name\": \"files/c\"}]}\n");
}

TEST(FrontNativeList, GoesOnWhereThePageEnded)
{
    List list("pageSize=1");
    list.some.owner = {{"files/a", 0x11}};

    EXPECT_EQ(list.page(R"({"files":[{"name":"files/a"}],
        "nextPageToken":"x-y"})"), Whole::written);
    EXPECT_EQ(list.text, "{\"files\":[{\"name\":\"files/a\"}],"
        "\"nextPageToken\":\"gw1-0000000000000011-x-y\"}\n");

    List next("pageSize=1&pageToken=gw1-0000000000000011-x-y");
    ASSERT_TRUE(next.read);
    EXPECT_EQ(next.front.project(), 0x11u);
    EXPECT_EQ(next.path(), "/v1beta/files?pageSize=1&pageToken=x-y");

    List second("pageToken=gw1-0000000000000022-");
    ASSERT_TRUE(second.read);
    EXPECT_EQ(second.front.project(), 0x22u);
}

TEST(FrontNativeList, RefusesTokensOfNobody)
{
    EXPECT_FALSE(List("pageToken=abc").read);
    EXPECT_FALSE(List("pageToken=gw1-0000000000000033-").read);
    EXPECT_FALSE(List("pageToken=gw1-00000000000000zz-").read);
    EXPECT_FALSE(List("pageToken=gw1-11-").read);
    EXPECT_FALSE(List("pageSize=many").read);
    EXPECT_FALSE(List("pageSize=-1").read);
}

TEST(FrontNativeList, PassesOverAProjectThatCannotSay)
{
    List list;
    StringOutput out;
    list.some.owner = {{"files/c", 0x22}};

    EXPECT_EQ(list.front.skip_project(out), Whole::more);
    EXPECT_EQ(list.front.project(), 0x22u);
    EXPECT_EQ(list.page(R"({"files":[{"name":"files/c"}]})"),
        Whole::written);

    List none;
    EXPECT_EQ(none.front.skip_project(out), Whole::more);
    EXPECT_EQ(none.front.skip_project(out), Whole::failed);
}

TEST(FrontNativeList, AsksNoMoreThanItMay)
{
    List list("", std::vector<std::uint64_t>(1, 0x11));
    std::size_t calls = 1;

    while (list.page(R"({"nextPageToken":"more"})") == Whole::more) {
        ++calls;
        ASSERT_LE(calls, NativeList::most_calls);
    }

    EXPECT_EQ(calls, NativeList::most_calls);
    EXPECT_NE(list.text.find("nextPageToken"), std::string::npos);
}

}
