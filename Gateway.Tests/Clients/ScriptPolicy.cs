using System.ClientModel.Primitives;

namespace Gateway.Tests.Clients;

/// <summary>Adds the headers with commands for the scripted upstream to the requests of a .NET client.</summary>
/// <param name="lines">The headers, as lines.</param>
internal sealed class ScriptPolicy(IReadOnlyList<string> lines) : PipelinePolicy
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
        foreach (var line in lines)
        {
            var header = line.Split(": ", 2);
            message.Request.Headers.Add(header[0], header[1]);
        }
    }
}
