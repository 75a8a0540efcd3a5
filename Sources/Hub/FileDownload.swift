import Storage

/// Brings one file of a model into a folder, and goes on with what an earlier attempt left.
struct FileDownload {
    let client: HubClient
    let address: WebAddress
    let file: HubListing.File
    let folder: String
    /// Told how many bytes of the file are there.
    let progress: (Int) -> Void

    private var path: String { folder + "/" + file.name }

    /// - Returns: size and SHA-256 of the file, which has the digest that the hub says.
    /// - Throws: ``HubError``, ``StorageError``.
    func run() throws -> DurableFiles.Copy {
        if let slash = file.name.lastIndex(of: "/") { try DurableFiles.makeFolder(folder + "/" + file.name[..<slash]) }
        if FolderListing.byteCount(path) == file.byteCount, let copy = try verified(path) {
            progress(file.byteCount)
            return copy
        }
        FolderListing.delete(path)
        let part = path + ".part"
        // What is damaged is fetched once more from its beginning: the part may be of another time.
        for attempt in 1... {
            try client.persistently { cameFurther in try fetch(into: part, cameFurther) }
            if let copy = try verified(part) {
                try DurableFiles.rename(part, to: path)
                try DurableFiles.syncFolder(DurableFiles.split(path).folder)
                return copy
            }
            let found = try digest(of: part)
            try DurableFiles.remove(part)
            if attempt == 2 { throw HubError.digest(file: file.name, found: found, expected: expected) }
        }
        throw HubError.cut(file: file.name, found: 0, expected: file.byteCount)
    }

    private func fetch(into part: String, _ cameFurther: () -> Void) throws {
        let target = try ResumedFile(part)
        if target.byteCount > file.byteCount { try target.restart() }
        let start = target.byteCount
        if start == file.byteCount { return progress(start) }
        var isFirst = true
        do {
            try client.request(address, from: start) { head, bytes in
                if isFirst, head.status != 206 || head.firstByte != start, start > 0 { try target.restart() }
                isFirst = false
                guard bytes.count <= file.byteCount - target.byteCount else {
                    throw HubError.tooLarge(file: file.name, limit: file.byteCount)
                }
                try target.append(bytes)
                cameFurther()
                progress(target.byteCount)
            }
        } catch HubError.refused(let refusal) where refusal.status == 416 {
            // The server has no such part: it is asked for the whole.
            try target.restart()
            throw HubError.cut(file: file.name, found: 0, expected: file.byteCount)
        } catch HubError.tooLarge(let name, let limit) {
            try target.restart()
            throw HubError.tooLarge(file: name, limit: limit)
        }
        try target.finish()
        guard target.byteCount == file.byteCount else {
            throw HubError.cut(file: file.name, found: target.byteCount, expected: file.byteCount)
        }
    }

    private var expected: String {
        switch file.digest {
        case .sha256(let digest), .gitBlob(let digest): digest
        }
    }

    private func digest(of path: String) throws -> String {
        switch file.digest {
        case .sha256: try SHA256.hexadecimal(ofFile: path)
        case .gitBlob: try GitBlobDigest.hexadecimal(ofFile: path)
        }
    }

    /// The file's size and SHA-256, or nil if it is not what the hub says.
    private func verified(_ path: String) throws -> DurableFiles.Copy? {
        let found = try digest(of: path)
        guard found == expected else { return nil }
        if case .sha256 = file.digest { return DurableFiles.Copy(byteCount: file.byteCount, digest: found) }
        return DurableFiles.Copy(byteCount: file.byteCount, digest: try SHA256.hexadecimal(ofFile: path))
    }
}
