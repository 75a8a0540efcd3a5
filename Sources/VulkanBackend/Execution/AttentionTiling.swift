import Graph

/// The blocks of an attention kernel, as Shaders/common/attention.glsl takes them.
struct AttentionTiling: Sendable, Hashable {
    /// Invocations for each block of rows and for the columns of a row.
    var rowLanes: Int
    var lanes: Int
    /// Rows that an invocation holds, and scores of each that it computes at a time.
    var own: Int
    var met: Int
    /// Columns staged in shared memory at a time.
    var slice: Int

    var ownBlock: Int { rowLanes * own }

    /// - Parameter resultCount: matrices that an invocation sums in registers: 1, or 2 for
    ///   gradients of keys and values.
    init(headWidth: Int, resultCount: Int, _ device: DeviceProfile) {
        if device.isProcessor && headWidth > 32 {
            // Whole rows find no room in registers and unroll into more code than a compiler likes;
            // one subgroup shares them, whose barriers cost little.
            lanes = device.subgroupSize
            rowLanes = 1
            own = headWidth * resultCount <= 128 ? 8 : 4
            met = headWidth <= 128 ? 8 : 4
            slice = 8
        } else if device.isProcessor {
            // Rows whole in registers, as many as about a hundred numbers allow: each number of the
            // other side is then read once for all of them.
            lanes = 1
            rowLanes = device.subgroupSize
            own = max(1, min(4, 128 / (headWidth * resultCount)))
            met = 4
            slice = 8
        } else {
            // Two rows an invocation, not four: half the registers, twice the subgroups at a time,
            // and by what AMD's compiler estimates a third fewer cycles a row.
            lanes = 16
            rowLanes = max(1, min(16, device.maximumGroupInvocations / 16))
            own = 2
            met = 2
            slice = 16
        }
    }

    func definitions(_ shape: AttentionShape) -> [String: Int] {
        var definitions = [
            "HEAD_WIDTH": shape.headWidth, "GROUP_RATIO": shape.headCount / shape.keyValueHeadCount, "ROW_LANES": rowLanes, "LANES": lanes,
            "OWN": own,
            "MET": met, "SLICE": slice,
        ]
        if shape.softCap != 0 { definitions["HAS_CAP"] = 1 }
        return definitions
    }

    func blocks(_ rows: Int) -> Int { (rows + ownBlock - 1) / ownBlock }
}
