import JSON
import ServingAPI

/// Whose files and jobs are whose. What a key has made is for that key, for operators and
/// administrators, and for viewers who may see every deployment; what was made without a key, or
/// dropped as a file by a user of the machine, is for all keys.
extension KeyStore.Asker {
    /// Whether the key sees what others have made.
    var seesAll: Bool { role >= .operator || owner == nil || (role == .viewer && models == nil) }

    func maySee(_ other: String?) -> Bool { seesAll || other == nil || other == owner }

    /// The name of a manifest that this key drops: it says whose the job is.
    var dropName: String { "api-" + Identifier.ulid() + (owner.map { "-" + $0 } ?? "") + ".json" }

    /// Whose a job is, by the name under which it was dropped; nil: nobody's in particular.
    static func owner(ofDrop name: String) -> String? {
        let rest = name.dropFirst(4 + 26)
        guard name.hasPrefix("api-"), name.hasSuffix(".json"), rest.hasPrefix("-") else { return nil }
        return String(rest.dropFirst().dropLast(5))
    }
}

extension Spool {
    /// Whether a key may know of a job.
    func isVisible(_ id: String, to asker: KeyStore.Asker) -> Bool {
        if asker.seesAll { return true }
        let drop = json(path("jobs", id, "job.json"))?["drop"]?.string ?? ""
        return asker.maySee(KeyStore.Asker.owner(ofDrop: drop))
    }

    /// - Throws: ``APIError`` if there is no such job for whoever asks.
    func requireJob(_ id: String, for asker: KeyStore.Asker) throws(APIError) -> JSONNode {
        guard Self.isJob(id), let status = json(path("jobs", id, "status.json")), isVisible(id, to: asker) else {
            throw APIError(404, "There is no job \(APIError.shown(JSONNode(id))).", parameter: "fine_tuning_job_id", code: "not_found")
        }
        return status
    }
}

extension Front {
    /// Refuses a manifest that names a file or a job of another key, in whatever form: as an id, as
    /// a name, as a path.
    /// - Throws: ``APIError`` as if there were none.
    func checkReferences(_ manifest: JSONNode, _ asker: KeyStore.Asker, _ key: String = "") throws(APIError) {
        if asker.seesAll { return }
        if let text = manifest.string {
            for id in Self.identifiers(in: text, "file-") {
                guard let object = spool.json(spool.path("files", ".meta", id + ".json")) else { continue }
                guard asker.maySee(object["owner"]?.string) else {
                    throw APIError(404, "There is no file \(APIError.shown(JSONNode(id))).", parameter: key, code: "not_found")
                }
            }
            for id in Self.identifiers(in: text, "ftjob-") where !spool.isVisible(id, to: asker) {
                throw APIError(404, "There is no job \(APIError.shown(JSONNode(id))).", parameter: key, code: "not_found")
            }
        }
        for element in manifest.array ?? [] { try checkReferences(element, asker, key) }
        for member in manifest.object ?? [] { try checkReferences(member.node, asker, key.isEmpty ? member.key : "\(key).\(member.key)") }
    }

    /// The ids that stand in a text: a prefix and 26 letters and digits.
    private static func identifiers(in text: String, _ prefix: String) -> [String] {
        text.ranges(of: prefix).compactMap { range in
            let letters = text[range.upperBound...].utf8.prefix(26)
            let isID = letters.count == 26 && letters.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
            return isID ? prefix + String(decoding: letters, as: UTF8.self) : nil
        }
    }
}
