/// What a kernel is made from: its operands' addresses, and the makers of what it needs.
struct KernelOperands {
    let inputs: [Matrix]
    let outputs: [Matrix]
    let products: ProductLibrary
}
