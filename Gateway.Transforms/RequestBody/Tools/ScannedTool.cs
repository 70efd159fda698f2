namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>A server tool as the scan records it.</summary>
/// <param name="Name">The JSON string of its type or id, quotes included; empty if it has none.</param>
/// <param name="IsPlugin">Whether it is a plugin.</param>
/// <param name="Element">See <see cref="ServerToolUse.Element"/>.</param>
/// <param name="HasPreset">Whether it has a member <c>preset</c>.</param>
/// <param name="NamesAnyModel">Whether it may name models that the scan did not record.</param>
internal readonly record struct ScannedTool(ByteRange Name, bool IsPlugin, int Element, bool HasPreset, bool NamesAnyModel);
