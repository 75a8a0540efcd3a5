package import JSON

extension Manifest {
    /// Keys to which a manifest gives several values: it describes a job for each combination of
    /// them.
    package struct Sweep: Sendable, Hashable {
        /// One key with its values.
        package struct Axis: Sendable, Hashable {
            /// As the manifest calls the key: its path, or the end of the path.
            package var name: String
            package var values: [JSONNode]
        }
        package var axes: [Axis] = []

        /// Jobs that one manifest may describe: the daemon accepts them in one go.
        package static let jobLimit = 64

        /// The names with their lists.
        package var json: JSONNode { JSONNode(axes.map { JSONMember($0.name, JSONNode($0.values)) }) }

        /// The places of the values of each job: the first key's change slowest.
        var combinations: [[Int]] {
            axes.reduce([[]]) { known, axis in known.flatMap { places in axis.values.indices.map { places + [$0] } } }
        }

        /// Reads the key `sweep`, if it is there.
        /// - Throws: ``ManifestError`` with the key that is wrong.
        init?(_ root: ManifestSection) throws(ManifestError) {
            guard let node = root.node["sweep"], !node.isNull else { return nil }
            guard let members = node.object else { throw root.failure("sweep", "is \(node.kindName), not an object of lists") }
            guard !members.isEmpty else {
                throw root.failure("sweep", "is empty: write for example sweep: {learning_rate: [1.0e-4, 2.0e-4]}")
            }
            let section = ManifestSection(node: node, path: "sweep.", text: root.text, names: root.names)
            var count = 1
            for member in members {
                let axis = Axis(name: member.key, values: try Self.values(member, section))
                // Each factor is at most the limit: nothing overflows.
                count *= axis.values.count
                guard count <= Self.jobLimit else {
                    throw section.failure(member.key, "makes more than \(Self.jobLimit) jobs of this manifest: give fewer values")
                }
                axes.append(axis)
            }
        }

        private static func values(_ member: JSONMember, _ section: ManifestSection) throws(ManifestError) -> [JSONNode] {
            guard let values = member.node.array else {
                throw section.failure(member.key, "is \(member.node.kindName), not a list of values")
            }
            guard !values.isEmpty else { throw section.failure(member.key, "is an empty list: give it at least one value") }
            guard values.count <= jobLimit else {
                throw section.failure(member.key, "has \(values.count) values; \(jobLimit) are allowed")
            }
            let plain = values.map(\.withoutPlaces)
            for (index, value) in plain.enumerated() where plain[..<index].contains(value) {
                throw section.failure(member.key, "has the value \(JSONWriter().string(value)) twice")
            }
            return plain
        }
    }
}

extension Key<Manifest> {
    /// `sweep`: lists of values by the paths of their keys. Which jobs they make is
    /// ``ManifestJobs``'s to say; a job's own manifest has no sweep.
    static let sweep = Key(
        description: KeyDescription(
            "sweep",
            .value(
                schema: [
                    "type": "object", "minProperties": 1,
                    "additionalProperties": ["type": "array", "minItems": 1, "maxItems": JSONNode(Manifest.Sweep.jobLimit)],
                ], words: "lists of values by the paths of keys"),
            standard: nil, "Keys that several values are tried of: one job for each combination, \(Manifest.Sweep.jobLimit) at most", []),
        read: { section, manifest throws(ManifestError) in manifest.sweep = try Manifest.Sweep(section) },
        write: { $0.sweep?.json })
}
