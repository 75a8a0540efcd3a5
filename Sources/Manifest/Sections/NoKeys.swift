/// A section without keys of its own.
package struct NoKeys: KeyedSection {
    package init() {}
    package static let keys: [Key<NoKeys>] = []
}
