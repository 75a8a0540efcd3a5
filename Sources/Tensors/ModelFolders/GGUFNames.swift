import Storage

/// Which files a path to a GGUF model means, by their names: one file, the only one of a folder, or
/// the parts of one (`NAME-00001-of-00003.gguf`).
package enum GGUFNames {
    package static let ending = ".gguf"

    /// A part's name taken apart; nil where it is no part's.
    package static func part(_ name: String) -> (base: String, number: Int, count: Int)? {
        guard name.hasSuffix(ending) else { return nil }
        // NAME-NNNNN-of-NNNNN
        let words = name.dropLast(ending.count).split(separator: "-", omittingEmptySubsequences: false)
        guard words.count >= 4, words[words.count - 2] == "of", let count = number(words[words.count - 1]),
            let number = number(words[words.count - 3]), (1...count).contains(number)
        else { return nil }
        return (words.dropLast(3).joined(separator: "-"), number, count)
    }

    private static func number(_ word: Substring) -> Int? {
        guard word.utf8.count == 5, word.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(word), number > 0 else {
            return nil
        }
        return number
    }

    /// The name of one of a model's parts.
    package static func name(_ base: String, _ number: Int, of count: Int) -> String {
        func digits(_ number: Int) -> String { String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number) }
        return "\(base)-\(digits(number))-of-\(digits(count))\(ending)"
    }

    /// Names in a folder of files that may be models.
    private static func names(in folder: String) -> [String] {
        ((try? FolderListing.names(in: folder)) ?? []).filter(mayBeModel).sorted()
    }

    /// Whether a file of this name may be a model: not what projects images into one, not what
    /// quantisers use.
    package static func mayBeModel(_ name: String) -> Bool {
        !name.hasPrefix(".") && name.hasSuffix(ending) && !["mmproj", "imatrix"].contains { name.lowercased().contains($0) }
    }

    /// The models in a folder by their first files' names.
    package static func models(in folder: String) -> [String] { names(in: folder).filter { part($0).map { $0.number == 1 } ?? true } }

    /// All files of the model at a file's path: itself, and its other parts that are there.
    package static func files(of path: String) -> [String] {
        let (folder, name) = DurableFiles.split(path)
        guard let part = part(name) else { return [path] }
        let all = (1...part.count).map { folder + "/" + Self.name(part.base, $0, of: part.count) }
        return [path] + all.filter { $0 != path && FolderListing.leads($0) }
    }

    /// The file at a path, or the first one of a folder; nil where there is none.
    static func first(of path: String) -> String? {
        if path.hasSuffix(ending), !FolderListing.isFolder(path) { return path }
        return names(in: path).first.map { path + "/" + $0 }
    }
}
