/// What kernels must know of a device to choose the shape of their groups.
struct DeviceProfile: Sendable, Hashable {
    var subgroupSize: Int
    var maximumGroupInvocations: Int
    var sharedMemoryBytes: Int
    /// Invocations run on the processor: memory is one, barriers cost, and few groups fill the
    /// machine.
    var isProcessor: Bool
    var has16BitStorage: Bool
    /// The rank of parallelism that a dispatch should offer at least: invocations that keep the
    /// device busy.
    var desiredInvocations: Int
    /// Bytes that one operand of a dispatch may span.
    var operandBytes = Int.max
    /// Cooperative matrices that the device multiplies and the shader compiler knows, and the size
    /// of the subgroups that do it.
    var matrixShapes: [DeviceFeatures.MatrixShape] = []
    var matrixSubgroupSize = 0
    /// The variants of matrix products that have been chosen for the device.
    var products: [ProductKey: ProductVariant] = [:]
}
