package import JSON

/// The jobs that a manifest describes: one, or one for each combination of what its `sweep` lists.
package struct ManifestJobs: Sendable {
    package struct Job: Sendable {
        /// The job's own manifest, which has no sweep.
        package var manifest: Manifest
        /// The values of the sweep that this job has, by the names that the sweep gives them.
        package var values: [JSONMember]

        /// `learning_rate: 0.0001, rank: 8`; empty without a sweep.
        package var title: String { ManifestJobs.title(values) }
    }
    /// The first key's values change slowest.
    package let jobs: [Job]
    /// What the manifest gives several values; nil for a single job.
    package let sweep: Manifest.Sweep?

    /// - Throws: ``ManifestError`` with the key, its place and what would be right; of a sweep for
    ///   the first job that cannot be.
    package init(_ text: ManifestText) throws(ManifestError) {
        let root = Manifest.root(text)
        try root.allow(Manifest.keys.map(\.description.name))
        sweep = try Manifest.Sweep(root)
        guard let sweep else {
            jobs = [Job(manifest: try Manifest(root), values: [])]
            return
        }
        jobs = try Self.expand(sweep, root)
    }

    private static func expand(_ sweep: Manifest.Sweep, _ root: ManifestSection) throws(ManifestError) -> [Job] {
        let lists = root.node["sweep"] ?? .null
        let section = ManifestSection(node: lists, path: "sweep.", text: root.text, names: root.names)
        let method = root.node["method"]?["type"]?.string ?? Manifest.Supervised.word
        var paths: [SweepPath] = []
        for axis in sweep.axes {
            let path = try SweepPath(axis.name, in: section, method: method)
            for (other, known) in zip(sweep.axes, paths) {
                let count = min(known.parts.count, path.parts.count)
                if known.parts.prefix(count).elementsEqual(path.parts.prefix(count)) {
                    throw section.failure(axis.name, "changes what \(other.name) changes: give one of the two")
                }
            }
            paths.append(path)
        }
        var tree = root.node
        tree = JSONNode(.object((tree.object ?? []).filter { $0.key != "sweep" }), offset: tree.offset)
        var jobs: [Job] = []
        for places in sweep.combinations {
            var node = tree
            var values: [JSONMember] = []
            for (index, place) in places.enumerated() {
                let axis = sweep.axes[index]
                values.append(JSONMember(axis.name, axis.values[place]))
                // With the place where it stands in the text, for an error.
                let value = lists[axis.name]?.array?[place] ?? axis.values[place]
                guard let changed = paths[index].setting(value, in: node) else {
                    throw section.failure(axis.name, "stands below a key that is no object in this manifest")
                }
                node = changed
            }
            do throws(ManifestError) {
                let job = ManifestSection(node: node, path: "", text: root.text, names: root.names)
                jobs.append(Job(manifest: try Manifest(job), values: values))
            } catch {
                var named = error
                named.message += " (in the job of the sweep with \(title(values)))"
                throw named
            }
        }
        return jobs
    }

    static func title(_ values: [JSONMember]) -> String {
        values.map { "\($0.key): \($0.node.string ?? JSONWriter().string($0.node))" }.joined(separator: ", ")
    }
}
