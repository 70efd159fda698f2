using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>The result of a host's review of a request, before the rules are applied. The default has no objection.</summary>
/// <param name="Rejection">Why the request is refused, or <see langword="null"/>. It takes precedence over a refusal by a rule.</param>
/// <param name="Rule">A rule for this request only, or <see langword="null"/>. Its patterns are not matched; its mode must be
/// <see cref="WhenClientSetsProvider.Enforce"/>.</param>
/// <param name="Edit">An edit of the body outside of <c>model</c>, <c>models</c>, <c>fallbacks</c> and <c>provider</c>, or
/// <see langword="null"/>.</param>
/// <param name="Removal">The server tools that the host removes, or <see langword="null"/>. The rules do not see them.</param>
/// <param name="ToolEdits">The edits that limit the server tools, or <see langword="null"/>.</param>
internal readonly record struct RequestReview(
    RequestRejection? Rejection,
    ProviderRule? Rule = null,
    BodyEdit? Edit = null,
    ServerToolRemoval? Removal = null,
    IReadOnlyList<BodyEdit>? ToolEdits = null)
{
    /// <summary>Adds all edits.</summary>
    public void AddTo(EditList edits)
    {
        if (Edit is { } edit)
        {
            edits.Add(edit.Offset, edit.Remove, edit.Insert);
        }

        AddAll(Removal?.Edits, edits);
        AddAll(ToolEdits, edits);
    }

    private static void AddAll(IReadOnlyList<BodyEdit>? from, EditList edits)
    {
        foreach (var edit in from ?? [])
        {
            edits.Add(edit.Offset, edit.Remove, edit.Insert);
        }
    }
}
