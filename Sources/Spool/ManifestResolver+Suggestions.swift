import Basics
import Storage

/// What was probably meant by a name that is not there.
extension ManifestResolver {
    /// The name that is most like another, among those in folders; nil where none is.
    static func nearest(_ name: String, in folders: [String]) -> String? {
        guard !name.contains("/") else { return nil }
        let names = folders.flatMap { (try? FolderListing.names(in: $0)) ?? [] }.filter { !$0.hasPrefix(".") }
        let near = names.map { (name: $0, distance: EditDistance.between($0, name)) }.min { $0.distance < $1.distance }
        return near.flatMap { $0.distance <= 2 ? $0.name : nil }
    }

    /// What a model is called here that a hub calls OWNER/NAME; nil for other names.
    static func hubName(_ name: String) -> String? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        for part in parts where part.isEmpty || part.hasPrefix(".") || !part.utf8.allSatisfy({ isOfHubName($0) }) { return nil }
        return String(parts[1])
    }

    private static func isOfHubName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
        }
    }
}
