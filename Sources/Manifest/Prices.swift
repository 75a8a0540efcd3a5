package import JSON

/// What training costs: a rate for the time that a device works, and one for the tokens that are
/// trained on.
package struct Prices: Sendable, Hashable {
    package var currency: String
    package var deviceHour: Double
    package var millionTrainedTokens: Double

    package init(currency: String = "USD", deviceHour: Double = 0, millionTrainedTokens: Double = 0) {
        self.currency = currency
        self.deviceHour = deviceHour
        self.millionTrainedTokens = millionTrainedTokens
    }

    package func cost(deviceSeconds: Double, trainedTokens: Int) -> Double {
        deviceHour * deviceSeconds / 3600 + millionTrainedTokens * Double(trainedTokens) / 1e6
    }

    package var json: JSONNode {
        [
            "currency": JSONNode(currency), "device_hour": JSONNode(deviceHour), "million_trained_tokens": JSONNode(millionTrainedTokens),
        ]
    }

    package init?(json: JSONNode?) {
        guard let json, let hour = json["device_hour"]?.double, let tokens = json["million_trained_tokens"]?.double else { return nil }
        self.init(currency: json["currency"]?.string ?? "USD", deviceHour: hour, millionTrainedTokens: tokens)
    }
}
