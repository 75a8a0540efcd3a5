import Basics
/// Every key of a text with its place, and what other tools call it: for "did you mean".
package struct KeyNames: Sendable {
    private struct Entry {
        /// With a full stop at its end, or empty.
        var section: String
        var name: String
        var aliases: [String]
    }
    private var entries: [Entry] = []

    package init() {}

    /// The keys of a section and of all below it.
    package init(_ section: SectionDescription) { add(section, "") }

    private mutating func add(_ section: SectionDescription, _ path: String) {
        for key in section.keys + section.kinds.flatMap(\.keys) {
            if !entries.contains(where: { $0.section == path && $0.name == key.name }) {
                entries.append(Entry(section: path, name: key.name, aliases: key.aliases))
            }
            if case .section(let inner) = key.content { add(inner, path + key.name + ".") }
        }
        if !section.kinds.isEmpty { entries.append(Entry(section: path, name: "type", aliases: [])) }
    }

    /// The known key that a wrong one most likely means, or nil if none is near: one that is called
    /// so by another tool, one that stands elsewhere, one that is spelled nearly so.
    /// - Parameters:
    ///   - section: where the wrong key stands.
    ///   - word: a part of a path that is to be preferred where a key has several places.
    func suggestion(for key: String, among known: [String], in section: String, preferring word: String?) -> String? {
        func best(_ fitting: [Entry]) -> String? {
            let near =
                fitting.first { $0.section == section }
                ?? fitting.first { entry in word.map { entry.section.contains(".\($0).") } ?? false }
            return (near ?? fitting.first).map { shown($0, from: section) }
        }
        if let other = best(entries.filter { $0.aliases.contains(key) }) { return other }
        if let other = best(entries.filter { $0.name == key && $0.name != "type" }) { return other }
        func isNear(_ name: String) -> Int? {
            let distance = EditDistance.between(name, key)
            return distance <= max(2, key.utf8.count / 3) ? distance : nil
        }
        func nearest(_ names: [String]) -> String? {
            names.compactMap { name in isNear(name).map { (name, $0) } }.min { $0.1 < $1.1 }?.0
        }
        if let here = nearest(known) { return here }
        guard let elsewhere = nearest(entries.map(\.name)) else { return nil }
        return best(entries.filter { $0.name == elsewhere })
    }

    /// `rank`, `adapter.rank`, `n_epochs under method.supervised.hyperparameters`.
    private func shown(_ entry: Entry, from section: String) -> String {
        if entry.section == section { return entry.name }
        if entry.section.utf8.count(where: { $0 == UInt8(ascii: ".") }) <= 1 { return entry.section + entry.name }
        return "\(entry.name) under \(entry.section.dropLast())"
    }
}
