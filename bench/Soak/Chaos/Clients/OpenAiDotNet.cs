// The client marks its responses as a preview; the chaos run calls them because its users do.
#pragma warning disable OPENAI001

using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Responses;

namespace Soak.Chaos.Clients;

/// <summary>The OpenAI client for .NET.</summary>
internal sealed class OpenAiDotNet : ISdk
{
    public string Name => "OpenAI for .NET";

    public IReadOnlyList<SdkApi> Apis { get; } = [SdkApi.Chat, SdkApi.Responses];

    public async Task<SdkOutcome> CallAsync(SdkCall call, CancellationToken giveUp)
    {
        var script = new ScriptPolicy(call);
        var options = new OpenAIClientOptions
        {
            Endpoint = new Uri(call.Address),
            RetryPolicy = new ClientRetryPolicy(call.Retries),
        };
        options.AddPolicy(script, PipelinePosition.PerTry);
        var client = new OpenAIClient(new ApiKeyCredential(call.Key), options);
        try
        {
            var text = call.Api == SdkApi.Chat
                ? await ChatAsync(client.GetChatClient(Bodies.Model), call.Streams, giveUp)
                : await RespondAsync(client.GetResponsesClient(), call.Streams, giveUp);
            return new SdkOutcome { Tries = script.Tries, Text = text };
        }
        catch (Exception error) when (error is not OperationCanceledException || !giveUp.IsCancellationRequested)
        {
            return new SdkOutcome { Tries = script.Tries, Error = error.GetType().Name, IsOwnError = IsOwn(error), Message = error.Message };
        }
    }

    private static async Task<string> ChatAsync(ChatClient chat, bool streams, CancellationToken giveUp)
    {
        ChatMessage[] messages = [new UserChatMessage("Hello")];
        if (!streams)
        {
            ClientResult<ChatCompletion> answer = await chat.CompleteChatAsync(messages, null, giveUp);
            return answer.Value.Content[0].Text;
        }

        var text = new StringBuilder();
        await foreach (var update in chat.CompleteChatStreamingAsync(messages, null, giveUp))
        {
            foreach (var part in update.ContentUpdate)
            {
                text.Append(part.Text);
            }
        }

        return text.ToString();
    }

    private static async Task<string> RespondAsync(ResponsesClient responses, bool streams, CancellationToken giveUp)
    {
        if (!streams)
        {
            ResponseResult response = await responses.CreateResponseAsync(Bodies.Model, "Hello", cancellationToken: giveUp);
            return response.Status == ResponseStatus.Failed ? throw new FailedResponseException() : response.GetOutputText();
        }

        var text = new StringBuilder();
        await foreach (var update in await responses.CreateResponseStreamingAsync(Bodies.Model, "Hello", cancellationToken: giveUp))
        {
            if (update is StreamingResponseFailedUpdate or StreamingResponseErrorUpdate)
            {
                throw new FailedResponseException();
            }

            text.Append((update as StreamingResponseOutputTextDeltaUpdate)?.Delta);
        }

        return text.ToString();
    }

    // A refused connection is a ClientResultException, after retries an AggregateException; a stream that breaks is an IOException; a chat's
    // error event has a finish reason that the client has no value for.
    private static bool IsOwn(Exception error) => error switch
    {
        ClientResultException or IOException or HttpRequestException or FailedResponseException => true,
        AggregateException all => all.InnerExceptions.All(IsOwn),
        ArgumentOutOfRangeException => error.Message.Contains("ChatFinishReason", StringComparison.Ordinal),
        _ => false,
    };

    /// <summary>The API's own word that a response has failed. The client hands it over as a value.</summary>
    private sealed class FailedResponseException : Exception;
}
