#include "core/gemini/upload.hpp"

#include <gtest/gtest.h>

namespace {

using namespace gw::gemini;

TEST(GeminiUpload, TellsAStartFromData)
{
    struct Case {
        const char *method;
        const char *command;
        const char *protocol;
        const char *query;
        UploadStep step;
    };

    for (const Case &c : {
             Case{"POST", "start", "resumable", "", UploadStep::start},
             Case{"POST", "upload, finalize", "", "upload_id=a",
                 UploadStep::data},
             Case{"POST", "Upload", "", "upload_id=a", UploadStep::data},
             Case{"POST", "start, upload, finalize", "resumable", "",
                 UploadStep::data},
             Case{"POST", "finalize", "", "upload_id=a", UploadStep::other},
             Case{"POST", "query", "", "upload_id=a", UploadStep::other},
             Case{"POST", "cancel", "", "upload_id=a", UploadStep::other},
             Case{"POST", "", "multipart", "", UploadStep::data},
             Case{"POST", "", "", "uploadType=multipart", UploadStep::data},
             Case{"POST", "", "", "uploadType=resumable", UploadStep::start},
             Case{"PUT", "", "", "uploadType=resumable&upload_id=a",
                 UploadStep::data},
             Case{"POST", "", "", "", UploadStep::start} })
    {
        EXPECT_EQ(upload_step(c.method, c.command, c.protocol, c.query),
            c.step) << c.command << " " << c.query;
    }
}

TEST(GeminiUpload, FindsTheIdAndNamesIt)
{
    EXPECT_EQ(upload_id_of("upload_id=AbC-_9&upload_protocol=resumable"),
        "AbC-_9");
    EXPECT_EQ(upload_id_of("a=b&upload%5Fid=x%41"), "xA");
    EXPECT_EQ(upload_id_of("upload_idx=a"), "");
    EXPECT_EQ(upload_id_of("upload_id=" + std::string(2000, 'a')), "");
    EXPECT_EQ(upload_name("x"), "upload/x");
    EXPECT_EQ(upload_name(""), "");
}

TEST(GeminiUpload, LeadsBackToWhereTheClientHasCome)
{
    EXPECT_EQ(upload_url("https://generativelanguage.googleapis.com/upload/"
        "v1beta/files?key=AIzaSecret&upload_id=a&upload_protocol=resumable",
        "http://gate:8080/x/upload/v1beta/files"),
        "http://gate:8080/x/upload/v1beta/files?upload_id=a"
        "&upload_protocol=resumable");
    EXPECT_EQ(upload_url("https://g/upload?a=b\r\nx: y", "http://h/p"),
        "http://h/p");
    EXPECT_EQ(upload_url("/relative?upload_id=a", "http://h/p"), "");
    EXPECT_EQ(upload_url("", "http://h/p"), "");
}

}
