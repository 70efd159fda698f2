using System.Collections;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Two lists read as one. Neither is copied: thousands of rules that a hundred teams share are held once.</summary>
internal sealed class ConcatenatedList<T>(IReadOnlyList<T> first, IReadOnlyList<T> rest) : IReadOnlyList<T>
{
    public int Count => first.Count + rest.Count;

    public T this[int index] => index < first.Count ? first[index] : rest[index - first.Count];

    public IEnumerator<T> GetEnumerator() => first.Concat(rest).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
