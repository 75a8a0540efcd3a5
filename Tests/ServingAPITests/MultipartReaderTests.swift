import ServingAPI
import Testing

@Suite struct MultipartReaderTests {
    private static func form(_ content: String, fileFirst: Bool = true) -> String {
        let file =
            "--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../x.jsonl\"\r\nContent-Type: text/plain\r\n\r\n\(content)\r\n"
        let purpose = "--b0\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n"
        return (fileFirst ? file + purpose : purpose + file) + "--b0--\r\n"
    }

    @Test(arguments: [1, 2, 3, 7, 64, 100_000]) func aFormIsReadHoweverItsBytesAreCut(size: Int) throws {
        for content in ["", "a", "\r\n", "\r\n--b", "line\n\r\n--b1\r\n" + String(repeating: "0123456789\n", count: 50)] {
            for fileFirst in [true, false] {
                let bytes = Array(Self.form(content, fileFirst: fileFirst).utf8)
                var reader = MultipartReader(boundary: "b0")
                var found: [UInt8] = []
                for start in stride(from: 0, to: bytes.count, by: size) {
                    found += try reader.append(Array(bytes[start..<min(bytes.count, start + size)])).flatMap { $0 }
                }
                try reader.finish()
                #expect(String(decoding: found, as: UTF8.self) == content, "pieces of \(size), \(content.debugDescription)")
                #expect(reader.fields == ["purpose": "fine-tune"] && reader.filename == "x.jsonl")
            }
        }
    }

    @Test func whatIsNoSuchFormIsRefused() throws {
        func error(_ text: String) -> APIError? {
            var reader = MultipartReader(boundary: "b0")
            do throws(APIError) {
                _ = try reader.append(Array(text.utf8))
                try reader.finish()
                return nil
            } catch { return error }
        }
        #expect(error("") != nil)
        #expect(error(String(Self.form("abc").dropLast(8))) != nil)
        #expect(error("--b0\r\nContent-Type: text/plain\r\n\r\nx\r\n--b0--\r\n") != nil)
        #expect(error("--b0\r\n" + String(repeating: "X-A: b\r\n", count: 2_000)) != nil)
        #expect(error(String(repeating: "--b0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n", count: 2) + "--b0--\r\n") != nil)
        #expect(error(Self.form("a") + Self.form("b")) == nil, "what follows the end is nothing")
        #expect(error(Self.form("a").replacing("--b0--\r\n", with: "") + Self.form("b")) != nil, "two files")
    }

    @Test func aContentTypeNamesABoundary() {
        #expect(MultipartReader.boundary("multipart/form-data; boundary=abc") == "abc")
        #expect(MultipartReader.boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"") == "a b")
        for text in [
            "multipart/form-data", "application/json", "multipart/form-data; boundary=",
            "multipart/form-data; boundary=" + String(repeating: "a", count: 71),
        ] {
            #expect(MultipartReader.boundary(text) == nil)
        }
    }
}
