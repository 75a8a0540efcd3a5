import Foundation
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import ServingAPI

extension Front {
    private static let types = [
        "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
        "svg": "image/svg+xml",
    ]

    /// The folder of the pages: named by TALA_WEB, beside an installed program, or in the checkout.
    private static let folder: String? = {
        var places = [ProcessInfo.processInfo.environment["TALA_WEB"]].compactMap { $0 }
        var above = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<8 where above.path != "/" {
            places += [above.path + "/share/tala/web", above.path + "/web"]
            above = above.deletingLastPathComponent()
        }
        return places.first { FileManager.default.fileExists(atPath: $0 + "/playground.html") }
    }()

    /// A page or what belongs to one.
    func page(_ name: String, _ call: Call) throws -> Response {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.allSatisfy({ (0x61...0x7A).contains($0) || $0 == 0x2D }),
            let type = Self.types[String(parts[1])], let folder = Self.folder,
            let data = FileManager.default.contents(atPath: folder + "/" + name)
        else { throw APIError(404, "There is no page \(APIError.shown(JSONNode(name))).", code: "not_found") }
        var response = Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-cache"], body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
        response.headers[Self.field("content-security-policy")] =
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
        response.headers[Self.field("referrer-policy")] = "no-referrer"
        return response
    }
}
