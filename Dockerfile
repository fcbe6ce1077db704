# syntax=docker/dockerfile:1
#
#   docker build -t llm-service .
#   docker run --rm -p 127.0.0.1:3001:3001 -e HF_TOKEN -v llm-service:/data llm-service
#
# With a model inside (the token is a build secret and stays out of every layer):
#
#   docker build -t llm-service:flan-t5 --target baked --build-arg MODEL=google/flan-t5-base --secret id=hf_token,env=HF_TOKEN .

FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TARGETARCH
WORKDIR /source
COPY . .
RUN case "${TARGETARCH:-amd64}" in amd64) rid=linux-x64 ;; arm64) rid=linux-arm64 ;; *) echo "no such platform: $TARGETARCH" >&2; exit 1 ;; esac \
 && dotnet publish src/App -c Release -r "$rid" -o /publish \
 && mkdir /data

# Nothing but the libraries that .NET needs: no shell, no package manager, user 1654.
FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled AS service
COPY --from=build /publish /app
COPY --from=build --chown=1654:1654 /data /data
ENV HOST=0.0.0.0 PORT=3001 HF_HOME=/data LLM_SERVICE_TILE_CACHE=/data/tiles
WORKDIR /data
USER 1654
VOLUME /data
EXPOSE 3001
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/app/llm-service", "health"]
ENTRYPOINT ["/app/llm-service"]
CMD ["serve"]

# Fetches a model at build time; only its cache goes into the image, so the token's mount leaves no trace there.
FROM mcr.microsoft.com/dotnet/runtime-deps:10.0 AS fetch
ARG MODEL
COPY --from=build /publish /app
RUN --mount=type=secret,id=hf_token \
    if [ -f /run/secrets/hf_token ]; then export HF_TOKEN_FILE=/run/secrets/hf_token; fi; \
    HF_HOME=/models /app/llm-service pull "${MODEL:?name a model with --build-arg MODEL=owner/name}"

FROM service AS baked
ARG MODEL
COPY --from=fetch --chown=1654:1654 /models /models
ENV HF_HOME=/models HF_HUB_OFFLINE=1 LLM_MODEL_NAME=${MODEL}

# The default target.
FROM service
