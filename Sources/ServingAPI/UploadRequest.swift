package import JSON

/// A request of `/v1/uploads`, checked.
package struct UploadRequest: Sendable, Hashable {
    /// For display, never for a path.
    package var filename: String
    package var purpose: String
    package var bytes: Int
    /// Seconds after which the file goes; nil: it stays.
    package var expiresAfter: Int?

    /// Parts that are named together at most.
    private static let partLimit = 1_024

    /// - Parameter limit: bytes of a file at most.
    /// - Throws: ``APIError`` naming the field.
    package init(_ body: JSONNode, limit: Int) throws(APIError) {
        var fields = try FieldReader(body)
        func missing(_ name: String) -> APIError {
            APIError(400, "\(name) is missing.", parameter: name, code: "missing_required_parameter")
        }
        guard let filename = try fields.string("filename") else { throw missing("filename") }
        guard let purpose = try fields.string("purpose") else { throw missing("purpose") }
        guard let bytes = try fields.whole("bytes", 1...limit) else { throw missing("bytes") }
        _ = try fields.string("mime_type")
        var expiry: [String: String] = [:]
        if let node = fields.take("expires_after") {
            var inner = try FieldReader(node, prefix: "expires_after.")
            expiry["expires_after[anchor]"] = try inner.string("anchor") ?? ""
            expiry["expires_after[seconds]"] = try inner.whole("seconds", 0...Int(Int32.max)).map { "\($0)" } ?? ""
            try inner.finish()
        }
        try fields.finish()
        expiresAfter = try FileExpiry.seconds(expiry)
        let word = filename.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? "file"
        (self.filename, self.purpose, self.bytes) = (String(word.prefix(256)), purpose, bytes)
    }

    /// The body of `complete`: ids of parts in their order.
    /// - Throws: ``APIError`` naming the field.
    package static func parts(_ body: JSONNode) throws(APIError) -> [String] {
        var fields = try FieldReader(body)
        guard let node = fields.take("part_ids") else {
            throw APIError(400, "part_ids is missing.", parameter: "part_ids", code: "missing_required_parameter")
        }
        let ids = (node.array ?? []).compactMap(\.string)
        guard !ids.isEmpty, ids.count == node.array?.count, ids.count <= partLimit, Set(ids).count == ids.count else {
            throw fields.wrong("part_ids", node, "a list of 1 to \(partLimit) ids, each once")
        }
        try fields.unsupported("md5")
        try fields.finish()
        return ids
    }
}
