import Manifest

extension WarningRule {
    static let alphaZero = WarningRule(code: "alpha_zero", param: "adapter.alpha") { figures in
        figures.manifest.adapter.lora?.alpha == 0 ? "alpha is 0: the adapter's output is multiplied by 0, so the model stays as it is" : nil
    }
}
