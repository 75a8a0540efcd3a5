import Tensors

/// A tensor that lives as long as the job: declared by graphs, laid out once, shared by all
/// programs.
package struct PersistentTensor: Sendable, Hashable {
    /// Names the tensor among all of a job, for example `model.layers.0.mlp.up_proj.weight` or
    /// `gradient/…lora_A.weight`.
    package var key: String
    package var type: TensorType
    package var kind: Kind
    /// Where the tensor is a part of a page: that page's key and the element at which the tensor
    /// begins in it.
    package var page: Page?
    /// Whether kernels read it part by part: it may then be larger than one operand, but not larger
    /// than a block, and is never cut.
    package var isReadInParts: Bool

    package enum Kind: Sendable, Hashable {
        /// A frozen weight, filled from the checkpoint, never written by a program.
        case weight
        /// Numbers that the host computes once: rotary tables.
        case constant
        /// A trained tensor.
        case parameter
        case gradient
        /// What an optimizer keeps for a trained tensor, by its name for it.
        case state(String, StateShape = .asParameter)
        /// Keys and values of tokens seen before, in generation.
        case cache

        /// What stands in front of a page's or parameter's name in a key.
        var prefix: String {
            switch self {
            case .weight: "weight"
            case .constant: "constant"
            case .parameter: "parameter"
            case .gradient: "gradient"
            case .state(let name, _): name
            case .cache: "cache"
            }
        }
    }
    package struct Page: Sendable, Hashable {
        package var key: String
        package var elementOffset: Int

        package init(key: String, elementOffset: Int) {
            self.key = key
            self.elementOffset = elementOffset
        }
    }

    package init(key: String, type: TensorType, kind: Kind, page: Page? = nil, isReadInParts: Bool = false) {
        self.key = key
        self.type = type
        self.kind = kind
        self.page = page
        self.isReadInParts = isReadInParts
    }
}
