# SPDX-License-Identifier: Apache-2.0
"""The Shelf, standard library only: web answers, store keeps, pages shows,
forms reads what browsers send, tokens says whether they may."""
