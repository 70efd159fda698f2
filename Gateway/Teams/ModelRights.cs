using Gateway.Transforms.ProviderMapping;

namespace Gateway.Teams;

/// <summary>Which models a team may use. Judges every name that a request mentions, in every spelling that could stand for it.</summary>
/// <param name="allowed">Patterns of which one must match; <see langword="null"/> allows all.</param>
/// <param name="denied">Patterns of which none may match.</param>
internal sealed class ModelRights(IReadOnlyList<ModelPattern>? allowed, IReadOnlyList<ModelPattern> denied)
{
    public static ModelRights All { get; } = new(null, []);

    /// <summary>Whether there is anything to judge.</summary>
    public bool IsUnlimited => allowed is null && denied.Count == 0;
}
