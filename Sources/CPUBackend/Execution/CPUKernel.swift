import Graph

/// An operation that the processor runs. Conforming is all that a kernel's file needs to do to be
/// found.
protocol CPUKernel: Operation {
    /// The kernel of one call. Its operands' sizes have been checked against
    /// ``Operation/outputTypes(for:)``.
    func kernel(_ operands: KernelOperands) -> Kernel

    /// The same for a product that is a part of a chain: not prepared yet. Nil where the operation
    /// joins no chains.
    func chainedProduct(_ operands: KernelOperands) -> MatrixProductKernel?
}

extension CPUKernel {
    func chainedProduct(_ operands: KernelOperands) -> MatrixProductKernel? { nil }
}
