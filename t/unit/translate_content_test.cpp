// What clients put into content parts, and what upstream gets of it.
#include "core/translate/content.hpp"
#include "core/translate/media.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>

namespace {

using gw::gemini::Part;
using gw::json::String;
using gw::openai::ContentPart;

const char png[] = "iVBORw0KGgoAAAANSUhEUg==";
const char jpeg[] = "/9j/4AAQSkZJRgABAQAAAQ==";
const char pdf[] = "JVBERi0xLjcKJeLjz9M=";
const char gif[] = "R0lGODlhAQABAAAAACw=";

class ContentTest : public testing::Test {
protected:
    /// The only part, or its error in `error`.
    Part translate(const ContentPart &part)
    {
        gw::List<Part> out;
        error = {};
        count = 0;
        auto added = gw::translate::add_part(part, {2, 1}, arena, out);

        if (!added) {
            error = added.error();
            return {};
        }

        count = out.size();
        return out.empty() ? Part{} : out.front();
    }

    Part image(const std::string &url)
    {
        ContentPart part;
        part.type = String("image_url");
        part.image_url = String(arena.copy(url));
        return translate(part);
    }

    Part file(const std::string &data, const std::string &name)
    {
        ContentPart part;
        part.type = String("file");
        part.file_data = String(arena.copy(data));
        part.filename = String(arena.copy(name));
        return translate(part);
    }

    Part audio(const std::string &data, const std::string &format)
    {
        ContentPart part;
        part.type = String("input_audio");
        part.audio_data = String(arena.copy(data));
        part.audio_format = String(arena.copy(format));
        return translate(part);
    }

    Part file_id(const std::string &id)
    {
        ContentPart part;
        part.type = String("file");
        part.file_id = String(arena.copy(id));
        return translate(part);
    }

    gw::Arena arena{std::pmr::new_delete_resource()};
    gw::Error error;
    std::size_t count = 0;
};

TEST_F(ContentTest, PassesTextOfEveryNameAndDropsEmptyOnes)
{
    for (const char *type : {"text", "input_text", "output_text",
             "refusal"})
    {
        ContentPart part;
        part.type = String(type);
        part.text = String("x");
        EXPECT_TRUE(translate(part).text.is("x")) << type;

        part.text = String("");
        translate(part);
        EXPECT_EQ(count, 0u);
        EXPECT_TRUE(error.message.empty());

        part.text.reset();
        translate(part);
        EXPECT_EQ(error.param, "messages[2].content[1].text");
    }
}

TEST_F(ContentTest, TakesDataUrisHoweverTheyAreWritten)
{
    const std::string uris[] = {
        std::string("data:image/png;base64,") + png,
        std::string("DATA:Image/PNG;BASE64,") + png,
        std::string("data:image/png;charset=utf-8;base64,") + png,
        std::string("data:image/png;name=a.png;base64,") + png,
        std::string(" data:image/png;base64, ") + png + "\n",
        std::string("data:;base64,") + png,
        std::string("data:image/*;base64,") + png,
        std::string("data:application/octet-stream;base64,") + png,
        // Clients lie; the bytes do not.
        std::string("data:image/jpeg;base64,") + png,
        std::string("data:image/jpg;base64,") + png,
        png
    };

    for (const std::string &uri : uris) {
        Part part = image(uri);

        EXPECT_EQ(error.message, "") << uri;
        EXPECT_EQ(part.kind, Part::Kind::inline_data) << uri;
        EXPECT_EQ(part.inline_data.mime_type, "image/png") << uri;
        EXPECT_EQ(part.inline_data.data, png) << uri;
    }

    EXPECT_EQ(image(std::string("data:image/png;base64,") + jpeg)
                  .inline_data.mime_type, "image/jpeg");
}

TEST_F(ContentTest, MendsBase64)
{
    EXPECT_EQ(image("data:image/png;base64,iVBORw0KGgoAAAANSUhEUg")
                  .inline_data.data, png);
    EXPECT_EQ(image("data:image/png;base64,iVBORw0K\r\nGgoAAAANSUhEUg==")
                  .inline_data.data, png);
    EXPECT_EQ(image("data:image/jpeg;base64,_9j_4AAQSkZJRgABAQAAAQ")
                  .inline_data.data, jpeg);
}

TEST_F(ContentTest, ReadsDataUrisThatWereEscaped)
{
    ContentPart part;
    part.type = String("image_url");
    part.image_url = String(
        "data:image\\/jpeg;base64,\\/9j\\/4AAQSkZJRgABAQAAAQ==", true);
    EXPECT_EQ(translate(part).inline_data.data, jpeg);
}

TEST_F(ContentTest, DecodesPercentEncodedData)
{
    Part part = image("data:text/plain,a%20b%2x");
    EXPECT_EQ(part.inline_data.mime_type, "text/plain");
    EXPECT_EQ(part.inline_data.data, "YSBiJTJ4");
}

TEST_F(ContentTest, DoesNotCopyALargeImage)
{
    std::string uri = std::string("data:image/png;base64,")
                      + "iVBORw0KGgoAAAAN";
    uri.append(12 * 1024 * 1024, 'A');

    ContentPart part;
    part.type = String("image_url");
    part.image_url = String(uri);
    Part translated = translate(part);

    ASSERT_EQ(error.message, "");
    EXPECT_EQ(translated.inline_data.data.data(), uri.data() + 22);
    EXPECT_LT(arena.held(), 100000u);
}

TEST_F(ContentTest, RefusesWhatUpstreamDoesNotTakeAndSaysWhatItDoes)
{
    const std::string uris[] = {
        std::string("data:image/gif;base64,") + gif,
        std::string("data:image/png;base64,") + gif,
        "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=",
        "data:image/bmp;base64,Qk0AAAAA",
        "data:image/tiff;base64,SUkqAAAA"
    };

    for (const std::string &uri : uris) {
        image(uri);
        EXPECT_EQ(error.kind, gw::ErrorKind::bad_request) << uri;
        EXPECT_EQ(error.param, "messages[2].content[1].image_url") << uri;
        EXPECT_NE(error.message.find("image/png, image/jpeg, image/webp"),
            std::string::npos) << uri;
    }

    image("data:application/zip;base64,UEsDBAAA");
    EXPECT_NE(error.message.find("'application/zip'"), std::string::npos);
}

TEST_F(ContentTest, RefusesWhatCannotBeRead)
{
    const std::string urls[] = {
        "data:image/png;base64,",
        "data:image/png;base64",
        "data:image/png;base64,@@@@",
        std::string("data:image/png;base64,") + png + "A=A",
        "data:;base64,AAAA",
        "http://example.com/a.png",
        "ftp://example.com/a.png",
        "gs://bucket/a.png",
        "a.png",
        "https://example.com/" + std::string(10000, 'a')
    };

    for (const std::string &url : urls) {
        image(url);
        EXPECT_EQ(error.param, "messages[2].content[1].image_url") << url;
        EXPECT_EQ(error.code, "invalid_value") << url;
    }

    image("");
    EXPECT_EQ(error.code, "missing_required_parameter");
}

TEST_F(ContentTest, HandsHttpsUrlsToUpstream)
{
    struct Case {
        const char *url;
        const char *type;
    };

    for (const Case &c : {Case{"https://example.com/a.png", "image/png"},
             Case{"HTTPS://example.com/a.JPG?x=1.gif#y", "image/jpeg"},
             Case{"https://example.com/a", ""},
             Case{"https://example.rs", ""},
             Case{"https://example.com/d.pdf", "application/pdf"},
             Case{"https://www.youtube.com/watch?v=x.png", ""},
             Case{"https://youtu.be/abc", ""}})
    {
        Part part = image(c.url);
        EXPECT_EQ(part.kind, Part::Kind::file_data) << c.url;
        EXPECT_EQ(part.file_data.file_uri.raw, c.url);
        EXPECT_EQ(part.file_data.mime_type, c.type) << c.url;
    }

    ContentPart video;
    video.type = String("video_url");
    video.video_url = String("https://example.com/a.mp4");
    EXPECT_EQ(translate(video).file_data.mime_type, "video/mp4");
}

TEST_F(ContentTest, ReadsFilesByDataNameOrBytes)
{
    EXPECT_EQ(file(std::string("data:application/pdf;base64,") + pdf, "")
                  .inline_data.mime_type, "application/pdf");
    EXPECT_EQ(file(pdf, "report.PDF").inline_data.mime_type,
        "application/pdf");
    EXPECT_EQ(file(pdf, "").inline_data.mime_type, "application/pdf");
    EXPECT_EQ(file("YSxi", "a.csv").inline_data.mime_type, "text/csv");
    EXPECT_EQ(file("YSxi", "main.rs").inline_data.mime_type, "text/plain");
    EXPECT_EQ(file("data:application/json;base64,e30=", "")
                  .inline_data.mime_type, "text/plain");
    EXPECT_EQ(file("https://example.com/x", "x.pdf").file_data.mime_type,
        "application/pdf");

    file("YSxi", "x.docx");
    EXPECT_EQ(error.param, "messages[2].content[1].file.file_data");
    file("", "x.pdf");
    EXPECT_EQ(error.code, "missing_required_parameter");
}

TEST_F(ContentTest, KnowsGeminisFilesFromOthers)
{
    const char *url =
        "https://generativelanguage.googleapis.com/v1beta/files/abc-1";

    EXPECT_EQ(file_id("files/abc-1").file_data.file_uri.raw, url);
    EXPECT_EQ(file_id(url).file_data.file_uri.raw, url);

    for (const char *id : {"file-abc", "files/", "files/../x", "files/a\"b",
             "https://example.com/files/x"})
    {
        file_id(id);
        EXPECT_EQ(error.param, "messages[2].content[1].file.file_id") << id;
    }
}

TEST_F(ContentTest, ReadsAudioOfEveryFormat)
{
    struct Case {
        const char *format;
        const char *type;
    };

    for (const Case &c : {Case{"wav", "audio/wav"}, Case{"mp3", "audio/mp3"},
             Case{"MPEG", "audio/mpeg"}, Case{"ogg", "audio/ogg"},
             Case{"flac", "audio/flac"}, Case{"m4a", "audio/m4a"},
             Case{"webm", "audio/webm"}, Case{"pcm16", "audio/pcm"}})
    {
        EXPECT_EQ(audio("AAAA", c.format).inline_data.mime_type, c.type);
    }

    EXPECT_EQ(audio("data:audio/x-wav;base64,AAAA", "wav")
                  .inline_data.data, "AAAA");
    EXPECT_EQ(audio("UklGRgAAAABXQVZF", "").inline_data.mime_type,
        "audio/wav");

    audio("AAAA", "midi");
    EXPECT_EQ(error.param, "messages[2].content[1].input_audio.format");
}

TEST_F(ContentTest, NamesAnUnknownPartType)
{
    ContentPart part;
    part.type = String("hologram");
    translate(part);
    EXPECT_EQ(error.param, "messages[2].content[1].type");
    EXPECT_NE(error.message.find("'hologram'"), std::string::npos);

    part.type = String();
    translate(part);
    EXPECT_EQ(error.code, "missing_required_parameter");
}

}
