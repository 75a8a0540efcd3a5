package import Storage

extension Dataset {
    /// The files in which all examples lie, those that a selection leaves out among them.
    package var files: [(name: String, bytes: UnsafeRawBufferPointer)] { store.files }

    /// All examples of a folder with such files.
    /// - Throws: ``StorageError`` if they cannot be mapped, are damaged, or are of another version.
    package init(folder: String) throws(StorageError) { self.init(store: try ExampleStore(folder: folder)) }
}

extension ExampleStore {
    var files: [(name: String, bytes: UnsafeRawBufferPointer)] {
        [(Self.tokensName, tokens.bytes), (Self.examplesName, records.bytes)]
    }
}
