namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>A model name inside a tool or plugin as the scan records it.</summary>
/// <param name="Value">The JSON string, quotes included.</param>
/// <param name="Key">The member that it stands under.</param>
/// <param name="Tool">The index of its tool; -1 while the tool is open.</param>
internal readonly record struct ScannedModel(ByteRange Value, ToolKey Key, int Tool);
