package import JSON

/// Which job of a sweep this is: the jobs that one manifest described make a group.
package struct SweepPlace: Sendable, Hashable {
    /// The name of the group: `sweep-` and the ULID of its first job.
    package var group: String
    /// From 1.
    package var index: Int
    package var count: Int
    /// The keys that the sweep names, with this job's values.
    package var values: [JSONMember]

    package init(group: String, index: Int, count: Int, values: [JSONMember]) {
        (self.group, self.index, self.count, self.values) = (group, index, count, values)
    }

    /// The group of which a job is the first.
    package static func group(ofFirst job: String) -> String { "sweep-" + job.dropFirst(6) }

    package var json: JSONNode {
        ["group": JSONNode(group), "index": JSONNode(index), "count": JSONNode(count), "values": JSONNode(values)]
    }

    package init?(json: JSONNode?) {
        guard let json, let group = json["group"]?.string, let index = json["index"]?.integer, let count = json["count"]?.integer,
            let values = json["values"]?.withoutPlaces.object
        else { return nil }
        self.init(group: group, index: index, count: count, values: values)
    }
}
