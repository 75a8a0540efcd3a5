import Foundation
import JSON
import Storage

/// A hub that has one model, the one of a folder, under every name.
package final class FolderHub: Sendable {
    private let server: TestServer

    package var address: String { server.address }

    /// - Throws: what reading the folder throws.
    package init(_ folder: String) throws {
        let names = try FolderListing.names(in: folder)
        let commit = String(repeating: "ab", count: 20)
        let siblings = try names.map { name -> JSONNode in
            let path = folder + "/" + name
            let digest = try SHA256.hexadecimal(ofFile: path)
            return [
                "rfilename": JSONNode(name), "size": JSONNode(FolderListing.byteCount(path) ?? 0), "blobId": JSONNode(commit),
                "lfs": ["sha256": JSONNode(digest)],
            ]
        }
        let listing = JSONWriter().string(["sha": JSONNode(commit), "siblings": JSONNode(siblings), "cardData": ["license": "apache-2.0"]])
        server = try TestServer { request in
            if request.path.hasPrefix("/api/models/") { return .text(listing) }
            let name = request.path.split(separator: "/").last.map(String.init) ?? ""
            guard names.contains(name), let bytes = try? DurableFiles.read(folder + "/" + name) else { return .text("", status: 404) }
            return TestServer.Answer(body: bytes)
        }
    }
}
