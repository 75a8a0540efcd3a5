import Foundation
import JSON
import ServingAPI
import Storage

/// Who asks, by the key that comes with a request. Keys are files in `keys/` of the spool; each
/// holds a digest, never the key.
final class KeyStore: Sendable {
    struct Asker: Sendable {
        var name: String
        var role: Role
        /// Whether a key came that is known, or none is needed.
        var isKnown: Bool
        var limit = RateLimit()
        /// What a deployment's name must be like; nil: anything.
        var models: String?

        /// The name under which files and jobs are this key's; nil while there are no keys.
        var owner: String?

        /// Whether the key is for a deployment: `*` stands for any letters.
        func mayUse(_ name: String) -> Bool { models.map { NamePattern.fits(name, $0) } ?? true }
    }
    private struct Key: Sendable {
        var name: String
        var role: Role
        var digest: [UInt8]
        var expires: Double?
        var limit: RateLimit
        var models: String?
    }
    private let folder: String
    private let known = Locked<(mark: String, keys: [Key])>(("", []))
    /// Whether requests without a key may do everything: on loopback, while there is no key.
    private let isOpenWithoutKeys: Bool

    init(folder: String, isOpenWithoutKeys: Bool) {
        (self.folder, self.isOpenWithoutKeys) = (folder, isOpenWithoutKeys)
        reload()
    }

    var isEmpty: Bool { known.get().keys.isEmpty }

    /// Reads the keys again if they have changed.
    func reload() {
        let names = ((try? FolderListing.names(in: folder)) ?? []).filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.sorted()
        let mark = names.map { name in
            var information = stat()
            _ = stat(folder + "/" + name, &information)
            return "\(name) \(information.st_ino) \(information.st_mtim.tv_sec).\(information.st_mtim.tv_nsec)"
        }.joined(separator: "|")
        guard mark != known.get().mark else { return }
        let keys = names.compactMap { name -> Key? in
            guard let bytes = try? DurableFiles.read(folder + "/" + name, limit: 1 << 16), let node = try? JSONParser().parse(bytes),
                let role = node["role"]?.string.flatMap({ Role($0) }), let digest = node["sha256"]?.string, digest.utf8.count == 64
            else { return nil }
            let limit = RateLimit(
                requestsPerMinute: node["requests_per_minute"]?.integer, tokensPerMinute: node["tokens_per_minute"]?.integer,
                tokensPerDay: node["tokens_per_day"]?.integer)
            return Key(
                name: String(name.dropLast(5)), role: role, digest: Array(digest.utf8), expires: node["expires_at"]?.double, limit: limit,
                models: node["models"]?.string)
        }
        known.set((mark, keys))
    }

    /// - Throws: ``APIError`` for a key that is not known or has expired.
    func asker(_ authorization: String?, _ header: String?) throws(APIError) -> Asker {
        let keys = known.get().keys
        if keys.isEmpty, isOpenWithoutKeys { return Asker(name: "local", role: .admin, isKnown: true) }
        var given = header
        if let authorization {
            let words = authorization.split(separator: " ", maxSplits: 1)
            guard words.count == 2, words[0].lowercased() == "bearer" else {
                throw APIError(401, "Authorization is not Bearer with a key.", code: "invalid_api_key")
            }
            given = String(words[1])
        }
        guard let given else { return Asker(name: "", role: .nobody, isKnown: false) }
        let digest = Array(SHA256.hexadecimal(of: given.utf8).utf8)
        var found: Key?
        // Every key is compared, each to its end: the time tells nothing.
        for key in keys {
            var difference: UInt8 = 0
            for (a, b) in zip(key.digest, digest) { difference |= a ^ b }
            if difference == 0 { found = key }
        }
        guard let found, found.expires.map({ $0 > Date().timeIntervalSince1970 }) ?? true else {
            throw APIError(401, "The key is not known, or has expired.", code: "invalid_api_key")
        }
        return Asker(name: found.name, role: found.role, isKnown: true, limit: found.limit, models: found.models, owner: found.name)
    }
}
