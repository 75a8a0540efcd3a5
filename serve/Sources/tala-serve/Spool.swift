import Foundation
import JSON
import ServingAPI
import Storage

/// The spool's files, as far as the front reads and writes them.
struct Spool: Sendable {
    let root: String

    func path(_ parts: String...) -> String { ([root] + parts).joined(separator: "/") }

    /// A file of JSON; nil if it is not there or is none.
    func json(_ path: String, limit: Int = 4 << 20) -> JSONNode? {
        (try? DurableFiles.read(path, limit: limit)).flatMap { try? JSONParser().parse($0) }
    }

    /// Whether a word is a job's name: what stands in a path must be nothing else.
    static func isJob(_ word: String) -> Bool {
        let letters = Set("0123456789abcdefghjkmnpqrstvwxyz".utf8)
        return word.hasPrefix("ftjob-") && word.utf8.count == 32 && word.utf8.dropFirst(6).allSatisfy { letters.contains($0) }
    }

    /// Names of all jobs, the oldest first.
    var jobs: [String] { ((try? FolderListing.names(in: root + "/jobs")) ?? []).filter(Self.isJob).sorted() }

    /// Lines of JSON in a file; those that are none are left out.
    func lines(_ path: String, limit: Int = 64 << 20) -> [JSONNode] {
        guard let bytes = try? DurableFiles.read(path, limit: limit) else { return [] }
        return bytes.split(separator: 10).compactMap { try? JSONParser().parse(Array($0)) }
    }

    /// A new file of the daemon's, written elsewhere and renamed.
    /// - Throws: ``APIError`` where this user may not, or there is no room.
    func write(_ text: String, _ path: String, mode: UInt32 = 0o644) throws(APIError) {
        do throws(StorageError) { try DurableFiles.replace(path, with: text, mode: mode) } catch {
            if error.errorNumber == ENOSPC || error.errorNumber == EDQUOT { throw APIError(507, "The disk is full.", code: "no_space") }
            throw APIError(500, "The spool cannot be written.", code: "spool_error")
        }
    }
}

/// A page of a list, as the API gives it.
struct Page {
    var items: [JSONNode]
    var hasMore: Bool

    /// - Parameters:
    ///   - all: in the order of the list.
    ///   - after: the id behind which the page begins.
    /// - Throws: ``APIError`` for a limit out of range.
    init(_ all: [JSONNode], _ call: Call, defaultLimit: Int, largest: Int = 10_000) throws(APIError) {
        var limit = defaultLimit
        if let text = call.query("limit") {
            guard let number = Int(text), (1...largest).contains(number) else {
                throw APIError(
                    400, "limit is \(APIError.shown(JSONNode(text))), but must be 1 to \(largest).", parameter: "limit",
                    code: "invalid_value")
            }
            limit = number
        }
        var rest = all[...]
        if let after = call.query("after"), let index = all.firstIndex(where: { $0["id"]?.string == after }) { rest = all[(index + 1)...] }
        items = Array(rest.prefix(limit))
        hasMore = rest.count > limit
    }

    var json: JSONNode {
        [
            "object": "list", "data": JSONNode(items), "first_id": items.first?["id"] ?? .null, "last_id": items.last?["id"] ?? .null,
            "has_more": JSONNode(hasMore),
        ]
    }
}
