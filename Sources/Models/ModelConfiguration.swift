package import Tensors

/// A decoder language model as everything outside of its family sees it: sizes, positions, windows,
/// types. What only its family has is the family's own value.
package struct ModelConfiguration: Sendable, Hashable {
    package var modelType: String
    package var hiddenSize: Int
    package var layerCount: Int
    package var headCount: Int
    package var keyValueHeadCount: Int
    package var headWidth: Int
    package var vocabularySize: Int
    /// Positions that the model was made for.
    package var maximumPositions: Int
    /// The head uses the embedding's weight.
    package var tiesEmbeddings: Bool
    /// The tables of angles by which heads are turned; the first one's lengths decide on factors.
    /// Empty where positions are learned.
    package var rotaryTables: [RotaryTable] = []
    /// Tokens that a sliding layer sees; nil where no layer slides.
    package var slidingWindow: Int?
    /// For each layer whether it slides.
    package var isSliding: [Bool]
    /// The layers that have a convolution in the place of attention.
    package var convolutionLayers: Set<Int> = []
    /// The cap of final logits; 0: none.
    package var finalSoftCap: Double = 0
    /// The loss of unevenly used experts that training adds; nil: none.
    package var routerLoss: RouterLossSettings?
    /// The element type in which a model trained from nothing is stored.
    package var storedType: ElementType
    /// Standard deviation of fresh weights.
    package var initializerRange: Double
    /// Set once the family has read its part.
    var family: FamilyBox?

    /// The positions for which the model has learned vectors; nil where positions are turns.
    package var learnedPositionCount: Int? { rotaryTables.isEmpty ? maximumPositions : nil }

    /// Columns that generation keeps of each position, in all layers together: keys and values, and
    /// what convolutions see.
    package var keptColumns: Int {
        2 * (layerCount - convolutionLayers.count) * keyValueHeadCount * headWidth + convolutionLayers.count * hiddenSize
    }

    /// The tensors that checkpoints have of several of the model's.
    package var joinedTensors: [JoinedTensor] { family?.family.joined(of: self) ?? [] }

    /// Every layer slides where there is a window.
    mutating func slideEverywhere(_ window: Int?) {
        slidingWindow = window
        isSliding = Array(repeating: window != nil, count: layerCount)
    }
}

/// What training adds for experts that are used unevenly.
package struct RouterLossSettings: Sendable, Hashable {
    package var coefficient: Double
    /// Experts of a token.
    package var chosenCount: Int

    package init(coefficient: Double, chosenCount: Int) {
        self.coefficient = coefficient
        self.chosenCount = chosenCount
    }
}

/// One table of cosines and sines, by position.
package struct RotaryTable: Sendable, Hashable {
    /// The key of its persistent tensor.
    package var key: String
    package var settings: RotarySettings

    /// - Parameter name: tells the tables of one model apart; nil for the only or first one.
    package init(_ settings: RotarySettings, name: String? = nil) {
        key = "constant/rotary" + (name.map { "." + $0 } ?? "")
        self.settings = settings
    }
}
