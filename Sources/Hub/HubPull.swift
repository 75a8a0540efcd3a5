import JSON
import Storage

/// Brings a model from a hub into a folder: whole and verified, or not at all.
package struct HubPull {
    /// How far a download has come.
    package struct Progress: Sendable, Hashable {
        package var file: String
        package var bytesDone: Int
        package var bytesTotal: Int
    }
    package struct Outcome: Sendable, Hashable {
        package var commit: String
        package var licence: String?
        package var fileCount: Int
        package var byteCount: Int
    }

    let client: HubClient
    let reference: HubReference
    /// The folder that is to hold the model.
    let target: String
    let replaces: Bool

    /// - Parameter replaces: a folder that is there goes when the new one is whole.
    package init(_ reference: HubReference, from client: HubClient, to target: String, replacing replaces: Bool = false) {
        (self.client, self.reference, self.target, self.replaces) = (client, reference, target, replaces)
    }

    /// Bytes of the texts beside weights, each: a tokenizer has some ten million.
    private static let textLimit = 1 << 28

    /// - Parameter examine: looks at the folder when only the texts are there, before gigabytes of
    ///   weights come: what it throws ends the download. A GGUF file has its texts in itself, so
    ///   there is nothing to look at.
    /// - Throws: ``HubError``, ``StorageError``. What has been downloaded stays for the next time.
    package func run(examine: (String) throws -> Void = { _ in }, progress: @escaping (Progress) -> Void = { _ in }) throws -> Outcome {
        guard replaces || !FolderListing.exists(target) else { throw HubError.exists(target) }
        let listing = try listing()
        let partial = PartialDownload(target: target, commit: listing.commit)
        let lock = try partial.open()
        defer { withExtendedLifetime(lock) {} }
        var copies: [String: DurableFiles.Copy] = [:]
        func fetch(_ files: [HubListing.File], total: Int) throws {
            for file in files where copies[file.name] == nil {
                let before = copies.values.reduce(0) { $0 + $1.byteCount }
                let download = FileDownload(client: client, address: try address(of: file, listing), file: file, folder: partial.path) {
                    progress(Progress(file: file.name, bytesDone: before + $0, bytesTotal: total))
                }
                copies[file.name] = try download.run()
            }
        }
        let gguf = try gguf(listing)
        let texts = listing.files.filter { gguf == nil ? NeededFiles.isText($0.name) : NeededFiles.isNotice($0.name) }
        if let large = texts.first(where: { $0.byteCount > Self.textLimit }) {
            throw HubError.tooLarge(file: large.name, limit: Self.textLimit)
        }
        try fetch(texts, total: texts.reduce(0) { $0 + $1.byteCount })
        if gguf == nil { try examine(partial.path) }
        let weights =
            try gguf?.files
            ?? weights(listing) { index in
                try fetch([index], total: index.byteCount)
                return try DurableFiles.read(partial.path + "/" + index.name, limit: Self.textLimit)
            }
        let files = texts + weights
        let total = files.reduce(0) { $0 + $1.byteCount }
        let present = files.reduce(0) { $0 + Self.bytesPresent($1, partial) }
        try FreeSpace.require(total - min(total, present), at: partial.path)
        try fetch(files, total: total)
        let source = ModelSource(
            place: "\(client.endpoint.address)", repository: reference.repository, commit: listing.commit, licence: listing.licence)
        try WholeFolder.buildWithDigests(target) { temporary in
            try source.save(in: temporary)
            try partial.move(files.map(\.name), to: temporary)
            return try gguf.map { try Self.flattened(copies, $0, temporary) } ?? copies
        }
        partial.remove()
        return Outcome(commit: listing.commit, licence: listing.licence, fileCount: files.count, byteCount: total)
    }

    private static func bytesPresent(_ file: HubListing.File, _ partial: PartialDownload) -> Int {
        let path = partial.path + "/" + file.name
        return FolderListing.byteCount(path) ?? FolderListing.byteCount(path + ".part") ?? 0
    }

    private func listing() throws -> HubListing {
        let endpoint = client.endpoint.address
        guard
            let address = endpoint.appending("api/models/\(reference.repository)/revision")?.appending(reference.revision, isWord: true),
            let asked = WebAddress("\(address)?blobs=true")
        else { throw HubError.badEndpoint("\(endpoint)") }
        return try HubListing(client.answer(asked, limit: 64 << 20), from: "\(asked)")
    }

    private func address(of file: HubListing.File, _ listing: HubListing) throws -> WebAddress {
        let endpoint = client.endpoint.address
        guard let address = endpoint.appending("\(reference.repository)/resolve/\(listing.commit)/\(file.name)") else {
            throw HubError.badEndpoint("\(endpoint)")
        }
        return address
    }

    /// The GGUF file that is meant: named as a variant, or all that there is.
    private func gguf(_ listing: HubListing) throws(HubError) -> GGUFChoice.Model? {
        let hasSafetensors = listing.file(NeededFiles.single) != nil || listing.file(NeededFiles.index) != nil
        if reference.variant == nil, hasSafetensors { return nil }
        let choice = GGUFChoice(listing.files)
        if reference.variant == nil, choice.models.isEmpty { return nil }
        return try choice.model(reference.variant, of: reference.repository)
    }

    /// Parts that lie in a folder of the repository lie in the model's own folder here.
    private static func flattened(_ copies: [String: DurableFiles.Copy], _ model: GGUFChoice.Model, _ folder: String) throws
        -> [String: DurableFiles.Copy]
    {
        var copies = copies
        for file in model.files {
            let name = DurableFiles.split("/" + file.name).name
            guard name != file.name else { continue }
            try DurableFiles.rename(folder + "/" + file.name, to: folder + "/" + name)
            copies[name] = copies.removeValue(forKey: file.name)
        }
        for top in Set(model.files.map(\.name).filter { $0.contains("/") }.compactMap { $0.split(separator: "/").first.map(String.init) }) {
            FolderListing.delete(folder + "/" + top)
        }
        return copies
    }

    /// One form of the weights: the single file, or the index and the shards that it names.
    private func weights(_ listing: HubListing, _ read: (HubListing.File) throws -> [UInt8]) throws -> [HubListing.File] {
        if let single = listing.file(NeededFiles.single) { return [single] }
        guard let index = listing.file(NeededFiles.index) else {
            throw HubError.noWeights(reference.repository, others: NeededFiles.otherWeights(listing))
        }
        guard index.byteCount <= 64 << 20 else { throw HubError.tooLarge(file: index.name, limit: 64 << 20) }
        let shards = try NeededFiles.shards(try read(index), from: "\(client.endpoint.address)").map { name in
            guard let shard = listing.file(name) else {
                throw HubError.answer(
                    "\(client.endpoint.address)", message: "\(NeededFiles.index) names \(name), which the model does not have")
            }
            return shard
        }
        return [index] + shards
    }
}
