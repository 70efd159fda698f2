using System.Net.Http.Headers;

namespace Gateway.Upstream;

/// <summary>The headers of a content that wraps another one.</summary>
internal static class ContentHeaders
{
    /// <summary>Adds all headers to another content, unchanged.</summary>
    public static void CopyTo(this HttpContentHeaders from, HttpContentHeaders to)
    {
        foreach (var (name, values) in from.NonValidated)
        {
            if (values.Count == 1)
            {
                // The one string. As a collection it would be boxed with its enumerator.
                to.TryAddWithoutValidation(name, values.ToString());
            }
            else
            {
                to.TryAddWithoutValidation(name, values);
            }
        }
    }
}
