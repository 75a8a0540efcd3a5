import JSON

/// How the labels of a file are read.
package struct LabelOptions: Sendable, Hashable {
    /// The classes in the order of their numbers; empty: those of the file, in the order of their
    /// names.
    package var names: [String]
    /// The classes that the model has already: they are taken where they hold all of the file's.
    package var preferred: [String] = []
    /// Whether an example may have any number of classes.
    package var isMultiLabel: Bool
    /// Whether labels are numbers; nil: as the file's first.
    package var areNumbers: Bool?
    /// Whether the file is trained on, so that it must have several classes.
    package var isTraining = true

    package init(names: [String] = [], isMultiLabel: Bool = false) { (self.names, self.isMultiLabel) = (names, isMultiLabel) }

    /// Classes that there may be.
    static let limit = 1024
    /// Characters of a name.
    static let nameLimit = 256

    /// What distinguishes one reading from another, for the cache's key.
    var key: String {
        let lists: [JSONNode] = [names, preferred].map { JSONNode($0.map { JSONNode($0) }) }
        return JSONWriter().string(JSONNode(lists)) + " \(isMultiLabel) \(areNumbers.map { "\($0)" } ?? "-") \(isTraining)"
    }
}
