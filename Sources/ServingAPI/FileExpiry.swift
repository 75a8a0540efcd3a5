/// `expires_after` of an uploaded file.
package enum FileExpiry {
    /// An hour to thirty days.
    private static let range = 3_600...2_592_000

    /// - Parameter fields: the form's fields.
    /// - Returns: seconds after which the file goes; nil: it stays.
    /// - Throws: ``APIError``.
    package static func seconds(_ fields: [String: String]) throws(APIError) -> Int? {
        let names = fields.keys.filter { $0.hasPrefix("expires_after") }
        guard !names.isEmpty else { return nil }
        func wrong(_ wanted: String) -> APIError {
            APIError(400, "expires_after must have \(wanted).", parameter: "expires_after", code: "invalid_value")
        }
        guard names.count == 2, fields["expires_after[anchor]"] == "created_at" else { throw wrong("the anchor created_at, and seconds") }
        guard let seconds = fields["expires_after[seconds]"].flatMap({ Int($0) }), range.contains(seconds) else {
            throw wrong("seconds from \(range.lowerBound) to \(range.upperBound)")
        }
        return seconds
    }
}
