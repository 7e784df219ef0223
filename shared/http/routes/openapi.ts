import * as z from 'zod/mini';
import { answer, text } from '#shared/app/answer.ts';
import { openApiDocument } from '../openapi.ts';
import { defineRoute, type Route } from '../route.ts';

const OpenApi = answer('OpenApi', z.record(text, z.unknown()));

/** `routes` are those that the document describes. It is a function because this route is one of them. */
export const openApiRoute = (routes: () => readonly Route[]) =>
  defineRoute({
    method: 'GET',
    path: '/v1/openapi.json',
    operationId: 'showOpenApiDocument',
    group: 'reader',
    function: 'operatorApi',
    summary: 'This document',
    status: 200,
    answer: OpenApi,
    problems: [],
    run: async () => openApiDocument(routes()),
  });
