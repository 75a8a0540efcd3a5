/// A model on a hub: `OWNER/NAME`, `OWNER/NAME:VARIANT` for one of its GGUF files, either with
/// `@REVISION` for a branch, a tag or a commit.
package struct HubReference: Sendable, Hashable, CustomStringConvertible {
    package let owner: String
    package let name: String
    package let revision: String
    /// The GGUF file that is meant: its name or the end of it, as `Q4_K_M`.
    package let variant: String?

    /// - Throws: ``HubError/badReference(_:_:)``.
    package init(_ text: String) throws(HubError) {
        let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let words = halves[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = words[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        variant = words.count == 2 ? String(words[1]) : nil
        guard parts.count == 2 else {
            throw HubError.badReference(
                text, "a model is named OWNER/NAME, OWNER/NAME:VARIANT or OWNER/NAME@REVISION, such as HuggingFaceTB/SmolLM2-135M-Instruct")
        }
        for part in parts + (variant.map { [$0] } ?? []) where !Self.isName(part) {
            throw HubError.badReference(text, "\"\(part)\" is not a name of letters, digits, -, _ and .")
        }
        let revision = halves.count == 2 ? String(halves[1]) : "main"
        let isRevision =
            !revision.isEmpty && revision.utf8.count <= 256
            && revision.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { Self.isName(String($0)) }
        guard isRevision else { throw HubError.badReference(text, "\"\(revision)\" is not the name of a branch, a tag or a commit") }
        (owner, name, self.revision) = (parts[0], parts[1], revision)
    }

    package var repository: String { owner + "/" + name }
    package var description: String { repository + (variant.map { ":" + $0 } ?? "") + (revision == "main" ? "" : "@" + revision) }

    /// What the model is called here.
    package var localName: String {
        guard let variant else { return name }
        // Repositories of GGUF files say so in their names.
        let base = name.lowercased().hasSuffix("-gguf") ? String(name.dropLast(5)) : name
        return variant.lowercased().hasSuffix(".gguf") ? String(variant.dropLast(5)) : base + "-" + variant
    }

    /// Whether a word may stand in a path: 1 to 96 letters, digits, `-`, `_`, `.`, without a point
    /// at its beginning.
    package static func isName(_ word: String) -> Bool {
        (1...96).contains(word.utf8.count) && !word.hasPrefix(".")
            && word.utf8.allSatisfy { letter in
                (0x30...0x39).contains(letter) || (0x41...0x5A).contains(letter) || (0x61...0x7A).contains(letter)
                    || [0x2D, 0x2E, 0x5F].contains(letter)
            }
    }
}
