namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>An occurrence of a top-level <c>tools</c> array.</summary>
/// <param name="Member">Index into <see cref="BodyFacts.Members"/>.</param>
/// <param name="Count">The number of elements.</param>
internal readonly record struct ToolList(int Member, int Count);
