using System.ClientModel.Primitives;

namespace Gateway.Tests.Clients;

/// <summary>Adds the headers with commands for the scripted upstream to the requests of a .NET client.</summary>
internal sealed class ScriptPolicy(IReadOnlyList<KeyValuePair<string, string>> headers) : PipelinePolicy
{
    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Apply(message);
        ProcessNext(message, pipeline, currentIndex);
    }

    public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Apply(message);
        return ProcessNextAsync(message, pipeline, currentIndex);
    }

    private void Apply(PipelineMessage message)
    {
        foreach (var (name, value) in headers)
        {
            message.Request.Headers.Add(name, value);
        }
    }
}
