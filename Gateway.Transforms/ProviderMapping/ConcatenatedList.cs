using System.Collections;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A view of two lists as one, without a copy: hundreds of rule sets share thousands of rules.</summary>
internal sealed class ConcatenatedList<T>(IReadOnlyList<T> first, IReadOnlyList<T> rest) : IReadOnlyList<T>
{
    public int Count => first.Count + rest.Count;

    public T this[int index] => index < first.Count ? first[index] : rest[index - first.Count];

    public IEnumerator<T> GetEnumerator() => first.Concat(rest).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
