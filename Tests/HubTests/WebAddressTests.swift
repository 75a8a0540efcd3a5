import Testing

@testable import Hub

@Suite struct WebAddressTests {
    @Test(arguments: [
        "", "huggingface.co", "ftp://a/", "http://", "http://a b/", "http://a@b/", "http://a:0/", "http://a:99999/", "http://a:x/",
        "http://ä/", "http://a/\n", "http://a/\"", "http:///x", "http://[::1/", "http://a\\b/",
    ])
    func whatIsNoAddressIsRefused(text: String) { #expect(WebAddress(text) == nil) }

    @Test func anOriginIsSchemeHostAndPort() throws {
        let plain = try #require(WebAddress("https://Hub.Example"))
        #expect(plain.origin == WebAddress("https://hub.example:443/x?y#z")?.origin)
        #expect(plain.origin != WebAddress("http://hub.example/")?.origin)
        #expect(plain.origin != WebAddress("https://hub.example.org/")?.origin)
        #expect(plain.path == "/" && "\(plain)" == "https://Hub.Example/")
        #expect(WebAddress("http://[::1]:8080/a")?.origin.port == 8080)
    }

    @Test func onlyOtherMachinesAreOpenToOthers() {
        for text in ["http://localhost/", "http://127.0.0.1:80/", "http://[::1]/", "https://a/"] {
            #expect(WebAddress(text)?.origin.isOpenToOthers == false, "\(text)")
        }
        for text in ["http://a/", "http://localhost.example/", "http://10.0.0.1/"] {
            #expect(WebAddress(text)?.origin.isOpenToOthers == true, "\(text)")
        }
    }

    @Test(arguments: [
        ("https://b/c", "https://b/c"), ("//b/c", "https://b/c"), ("/c?d", "https://a:8/c?d"), ("c", "https://a:8/x/c"),
    ])
    func aLocationIsReadFromWhereItStands(location: String, result: String) throws {
        let address = try #require(WebAddress("https://a:8/x/y?z=/"))
        #expect(address.following(location).map { "\($0)" } == result)
    }

    @Test func namesAreWrittenSoThatTheyStayNames() throws {
        let address = try #require(WebAddress("https://a/base/"))
        #expect(address.appending("o/n/ä b?#%.txt").map { "\($0)" } == "https://a/base/o/n/%C3%A4%20b%3F%23%25.txt")
        #expect(address.appending("refs/pr/1", isWord: true).map { "\($0)" } == "https://a/base/refs%2Fpr%2F1")
    }
}
