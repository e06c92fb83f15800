# Bitcorp ERP in a container: packed in one stage, its packages installed in another, served with neither's tools and not by root.
FROM node:20-bookworm-slim AS pack
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN node bin/build.js && npm pack --ignore-scripts --silent && mkdir /package && tar -xzf bitcorp-erp-*.tgz -C /package --strip-components=1

FROM node:20-bookworm-slim AS packages
WORKDIR /packages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
# Whoever breaks in finds no installer.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* \
  && mkdir /data && chown node:node /data && chmod 700 /data
WORKDIR /app
COPY --from=pack /package ./
COPY --from=packages /packages/node_modules ./node_modules
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 HOST=0.0.0.0 PORT=3000 BITCORP_DATA_DIR=/data BITCORP_DEMO=0
USER node
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((reply) => process.exit(reply.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/bitcorp.js"]
CMD ["serve"]
